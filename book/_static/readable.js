/* What makes a page easier to read: faded edges where something is cut, one switch for all code, drawings enlarged by a click.
   Each does nothing on a page that has nothing of its kind; without the script a page can be read all the same. */
(() => {
  "use strict";

  const button = (className, text) => Object.assign(document.createElement("button"), { type: "button", className: `readable-button ${className}`, textContent: text });

  /* Where something is wider than its place, the edge behind which there is more is faded, and arrows scroll it. */
  function fade() {
    for (const image of document.querySelectorAll(".bd-article :is(figure, section, p, a.image-reference, div.cell_output) > img")) {
      const scroller = Object.assign(document.createElement("div"), { className: "scroller" }); // the caption stays where it is
      image.replaceWith(scroller);
      scroller.append(image);
    }
    const wide = ".bd-article :is(table, mjx-container[display='true'], div.cell_output .output, .scroller, div.highlight pre)";
    const look = (element) => {
      const more = element.scrollWidth - element.clientWidth;
      const isCut = more > 1 && /auto|scroll/.test(getComputedStyle(element).overflowX);
      element.classList.toggle("is-cut", isCut);
      element.classList.toggle("has-more-before", isCut && element.scrollLeft > 1);
      element.classList.toggle("has-more-behind", isCut && element.scrollLeft < more - 1);
      if (isCut) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    };
    const sizes = new ResizeObserver((entries) => entries.forEach((entry) => look(entry.target)));
    const watched = new WeakSet();
    const watch = () =>
      document.querySelectorAll(wide).forEach((element) => {
        if (!watched.has(element)) {
          watched.add(element);
          element.addEventListener("scroll", () => look(element), { passive: true });
          sizes.observe(element);
        }
        look(element);
      });
    watch();
    addEventListener("load", () => {
      watch(); // pictures have their sizes now
      window.MathJax?.startup?.promise?.then(watch);
    });
  }

  /* One switch for all code of a page. */
  function unfold() {
    const folds = [...document.querySelectorAll(".bd-article .cell details.hide")];
    const title = document.querySelector(".bd-article h1");
    if (folds.length < 2 || !title) return;
    const all = button("unfold", "");
    const say = () => {
      const isOpen = folds.every((fold) => fold.open);
      all.textContent = isOpen ? "Fold all code" : "Unfold all code";
      all.setAttribute("aria-expanded", String(isOpen));
    };
    all.addEventListener("click", () => {
      const open = !folds.every((fold) => fold.open);
      for (const fold of folds) fold.open = open;
      say();
    });
    folds.forEach((fold) => fold.addEventListener("toggle", say));
    say();
    title.after(all);
  }

  /* A drawing as large as the window allows. */
  function enlarge() {
    const drawings = document.querySelectorAll(".bd-article :is(figure img, .drawings img, img.for-narrow-screens):not(.movable img, .animated img)");
    if (!drawings.length || !window.HTMLDialogElement) return;
    const dialog = Object.assign(document.createElement("dialog"), { className: "enlarged" });
    const image = document.createElement("img");
    const close = button("close", "Close");
    dialog.append(close);
    dialog.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
    for (const drawing of drawings) {
      drawing.classList.add("is-enlargeable");
      drawing.tabIndex = 0;
      drawing.setAttribute("role", "button");
      drawing.setAttribute("aria-label", `Enlarge: ${drawing.alt}`);
      const show = () => {
        image.src = drawing.currentSrc || drawing.src;
        image.alt = drawing.alt;
        dialog.append(image); // not before it has a picture
        dialog.showModal();
      };
      drawing.addEventListener("click", show);
      drawing.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        show();
      });
    }
  }

  const begin = () => [fade, unfold, enlarge].forEach((one) => one());
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
