"""Which known name was probably meant by one that is not known: the rule behind every `did you mean`."""

import re
from collections.abc import Iterable, Sequence

_MAX_CANDIDATES = 120
"""More than any place has keys. More are narrowed down first: a thousand releases that name a Secret of the cluster
must not take seconds."""
_LONGEST = 63
_MOST_EDITS = 3
_WORD = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^A-Za-z0-9]"


def suggest(name: str, known: Iterable[str]) -> str | None:
    """Make the hint for a name that is not among the known ones; None if none is near and there are many."""
    names = list(dict.fromkeys(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"there is {', '.join(names)}" if 0 < len(names) <= 8 else None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that was probably meant, if one is near enough.

    Words that both begin or end with say nothing: `shop-db` and `shop-api` are of one family, and two names. What is
    left of them may differ in a third of its characters.
    """
    candidates = list(known)
    if len(candidates) > _MAX_CANDIDATES:
        candidates = [candidate for candidate in candidates if candidate[:2] == name[:2]][:_MAX_CANDIDATES]
    near, most = None, _MOST_EDITS
    for candidate in candidates:
        distance = _measure(name[:_LONGEST], candidate[:_LONGEST], most)
        if distance is not None:
            near, most = candidate, distance - 1
    return near


def _measure(name: str, candidate: str, most: int) -> int | None:
    """Count the edits between two names; None where they are too many, or more than `most`."""
    if _fold(name) == _fold(candidate):
        return 0 if most >= 0 else None
    left, right = _strip_shared(_list_words(name), _list_words(candidate))
    return _count_edits(left, right, min(most, max(len(left), len(right)) // 3))


def _fold(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold() or name


def _list_words(name: str) -> list[str]:
    return [word.casefold() for word in re.findall(_WORD, name)]


def _strip_shared(left: Sequence[str], right: Sequence[str]) -> tuple[str, str]:
    """Give what is left of two names without the words that both begin and end with."""
    start, end, shortest = 0, 0, min(len(left), len(right))
    while start < shortest and left[start] == right[start]:
        start += 1
    while end < shortest - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return "".join(left[start : len(left) - end]), "".join(right[start : len(right) - end])


def _count_edits(left: str, right: str, most: int) -> int | None:
    """Count insertions, deletions, replacements, and neighbours that changed places; None where they are over `most`.

    The optimal string alignment, of which only the diagonal is computed that can stay within `most`.
    """
    if abs(len(left) - len(right)) > most:
        return None
    before: list[int] = []
    row = [*range(len(right) + 1)]
    for i, a in enumerate(left, 1):
        above, row = row, [most + 1] * (len(right) + 1)
        row[0] = i
        start, end = max(1, i - most), min(len(right), i + most) + 1
        for j in range(start, end):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != right[j - 1]))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == right[j - 1]:
                cost = min(cost, before[j - 2] + 1)
            row[j] = cost
        if min((*row[start - 1 : end], *above[start - 1 : end])) > most:
            return None
        before = above
    return row[-1] if row[-1] <= most else None
