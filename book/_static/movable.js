/* Figures that can be moved, and animations that can be stopped. On pages without either it does nothing; without it, a page
   shows all pictures, or the animation and its last picture. */
(() => {
  "use strict";

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /* One picture at a time, chosen by method and weight; its row of the table and its mark in the plot are marked, light each
     other up, and choose it when clicked. */
  function move(figure) {
    const { labels, methods, rows } = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const frames = [...figure.querySelectorAll(".movable-frame")];
    const lines = [...figure.querySelectorAll(".movable-numbers tbody tr")];
    const marks = rows.map((_, place) => figure.querySelector(`[data-row="${place}"]`));
    const ofMethod = (name) => rows.flatMap((row, place) => (row.method === name ? [place] : []));
    const of = (place) => [lines[place], marks[place]].filter(Boolean);
    let method = rows[0].method;

    const slider = make("input", { type: "range", id: `${figure.id}-weight`, min: 0, step: 1, value: 0 });
    const stops = make("div", { className: "movable-stops" });
    stops.setAttribute("aria-hidden", "true"); // the slider says its weight itself
    const values = make("output", { className: "movable-values" });
    values.htmlFor.add(slider.id);
    const choices = Object.entries(methods).map(([name, label]) => {
      const button = make("input", { type: "radio", name: `${figure.id}-method`, value: name });
      button.addEventListener("change", () => choose(name, Number(slider.value)));
      return [name, button, make("label", {}, button, ` ${label}`)];
    });

    function choose(name, stop) {
      const places = ofMethod(name);
      if (name !== method || !stops.childElementCount) {
        stops.replaceChildren(...places.map((place) => make("span", {}, rows[place].text.mu)));
      }
      method = name;
      slider.max = places.length - 1;
      slider.value = Math.min(stop, places.length - 1);
      const current = places[Number(slider.value)];
      slider.setAttribute("aria-valuetext", `weight ${rows[current].text.mu}`);
      [...stops.children].forEach((span, place) => span.classList.toggle("is-current", place === Number(slider.value)));
      frames.forEach((frame, place) => frame.classList.toggle("is-current", place === current));
      rows.forEach((_, place) => {
        for (const each of of(place)) {
          if (place === current) each.setAttribute("aria-current", "true");
          else each.removeAttribute("aria-current");
        }
      });
      for (const [other, button] of choices) button.checked = other === name;
      values.replaceChildren(
        ...Object.entries({ mu: "weight", ...labels }).map(([column, label]) => {
          const value = make("span", {}, `${label} `, make("b", {}, rows[current].text[column]));
          value.dataset.column = column;
          return value;
        }),
      );
    }

    slider.addEventListener("input", () => choose(method, Number(slider.value)));
    rows.forEach(({ method: own }, place) => {
      for (const each of of(place)) {
        each.addEventListener("click", () => choose(own, ofMethod(own).indexOf(place)));
        each.addEventListener("pointerenter", () => of(place).forEach((both) => both.classList.add("is-lit")));
        each.addEventListener("pointerleave", () => of(place).forEach((both) => both.classList.remove("is-lit")));
      }
    });
    const controls = make(
      "div",
      { className: "movable-controls" },
      make("fieldset", {}, make("legend", {}, "Method"), ...choices.map((choice) => choice[2])),
      make("div", {}, make("label", { htmlFor: slider.id }, "Weight of the density, μ"), slider, stops),
      values,
    );
    choose(method, 0);
    figure.prepend(controls);
    figure.classList.add("is-live");
  }

  /* A button that puts the last picture in the place of an animation, at once where less motion is wished for. */
  function stop(figure) {
    const moving = figure.querySelector("img[src$='.gif']");
    const still = figure.querySelector(".legend img");
    const button = make("button", { type: "button", className: "movable-button" });
    const legend = still.closest(".legend");
    const show = (isStill) => {
      moving.hidden = isStill;
      still.hidden = !isStill;
      button.textContent = isStill ? "Play the animation" : "Stop the animation";
    };
    button.addEventListener("click", () => show(!moving.hidden));
    moving.after(still, button);
    legend.remove();
    figure.classList.add("is-live");
    show(matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  const begin = () => {
    document.querySelectorAll(".movable").forEach(move);
    document.querySelectorAll("figure.animated").forEach(stop);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
