"""Names and years in the list of references, as in the text, instead of abbreviated keys."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from pybtex.database import Entry, Person
from pybtex.plugin import find_plugin, register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle

__all__ = ["AuthorYearLabels", "AuthorYearStyle", "name_and_year", "register_style"]


LETTER = re.compile(r"(?<=\d{4})[a-z]$")
PLAIN = find_plugin("pybtex.backends", "text")()  # found once; it is looked for among all that is installed


def name_and_year(entry: Entry) -> str:
    """Who wrote a work, and when.

    Example:
        >>> name_and_year(Entry("misc", {"year": "2019"}, {"author": [Person("Kim, Jiseob"), Person("Zhang, B.-T.")]}))
        'Kim and Zhang, 2019'
    """
    people = [_last(person) for person in entry.persons.get("author") or entry.persons.get("editor") or []]
    if len(people) > 2:
        people = [f"{people[0]} et al."]
    return f"{' and '.join(people) or entry.fields.get('title', '')}, {entry.fields.get('year', 'without year')}"


def _last(person: Person) -> str:
    return str(" ".join(part.render(PLAIN) for part in [*person.rich_prelast_names, *person.rich_last_names]))


class AuthorYearLabels(BaseLabelStyle):  # type: ignore[misc]  # pybtex has no types
    """Names and years; works of the same get a letter behind the year, which the text and the list have as well."""

    def format_labels(self, sorted_entries: Sequence[Entry]) -> list[str]:
        """Labels of entries, in their order."""
        for entry in sorted_entries:  # which may have its letter from a build before
            if "year" in entry.fields:
                entry.fields["year"] = LETTER.sub("", entry.fields["year"])
        labels = [name_and_year(entry) for entry in sorted_entries]
        often = Counter(labels)
        seen: Counter[str] = Counter()
        for entry, label in zip(sorted_entries, labels, strict=True):
            if often[label] > 1:
                entry.fields["year"] = f"{entry.fields.get('year', '')}{string.ascii_lowercase[seen[label]]}"
                seen[label] += 1
        return [name_and_year(entry) for entry in sorted_entries]


class AuthorYearStyle(PlainStyle):  # type: ignore[misc]  # pybtex has no types
    """The plain style of pybtex with such labels."""

    default_label_style = AuthorYearLabels


def register_style() -> None:
    """Let ``bibtex_default_style: author_year`` name the style."""
    register_plugin("pybtex.style.formatting", "author_year", AuthorYearStyle)
