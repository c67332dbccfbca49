"""Collects what is wrong with a tree: findings with their path and place, in a few fixed forms.

No finding repeats a scalar's characters: any of them may be a secret that was written at the wrong place.
"""

from collections.abc import Iterable

from ks_universal.diagnostics import Position, Problem, Severity
from ks_universal.suggestions import nearest
from ks_universal.values.nodes import Mapping, Mark, Node, Path, Sequence, format_path, position

Trail = tuple["Trail", str | int] | None
"""A path while walking down, the innermost part outside: cheap to extend, unrolled only for a finding."""


def unroll(trail: Trail) -> Path:
    """Turn a trail into a path."""
    parts: list[str | int] = []
    while trail is not None:
        trail, part = trail
        parts.append(part)
    return tuple(reversed(parts))


def to_trail(path: Path) -> Trail:
    """Turn a path into a trail."""
    trail: Trail = None
    for part in path:
        trail = (trail, part)
    return trail


def name_place(path: Path) -> str:
    """Write a path as the subject of a sentence; the empty one is the whole input."""
    return format_path(path) if path else "the top level"


class Suggestions:
    """Finds the names that were probably meant, for the first hundred findings.

    Each search takes a millisecond: a hostile file must not make ten thousand, nor a thousand applications that all
    name a Secret which only the cluster has.
    """

    def __init__(self) -> None:
        self._left = 100

    def take(self) -> bool:
        """Take one of those that are left; False: there is none."""
        self._left -= 1
        return self._left >= 0


class Findings:
    """The findings of one walk. `broken` are the paths at which nothing usable was found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.broken: set[Path] = set()
        self._suggestions = Suggestions()

    def unknown_key(
        self, trail: Trail, key: str, node: Node, known: Iterable[str], place: str | None = None
    ) -> str | None:
        """A key that nothing reads; `place` says where it belongs. Gives the key that was probably meant."""
        known = sorted(known)
        near = None if place else self._nearest(key, known)
        hint = f"did you mean '{near}'?" if near else place
        if hint is None and len(known) <= 8:
            hint = f"it takes {', '.join(known)}"
        if hint is None and trail is None:
            hint = "a key that no section reads, such as one for anchors, begins with 'x-'"
        self._add("values/unknown-key", trail, _key_place(node), f"has no key '{key}'", hint)
        return near

    def wrong_type(self, trail: Trail, node: Node, expected: str, hint: str | None = None) -> None:
        """A value of another kind than the place takes."""
        message = f"must be {expected}, not {describe_kind(node)}"
        self._add("values/wrong-type", trail, position(node.at), message, hint)

    def unfit_value(self, trail: Trail, node: Node, clause: str) -> None:
        """A scalar that has no value, or none that the place takes; `clause` follows its path."""
        self._add("values/wrong-type", trail, position(node.at), clause)

    def unknown_value(self, trail: Trail, node: Node, text: str, choices: tuple[str, ...]) -> None:
        """A text that is none of those that the place takes."""
        near = self._nearest(text, list(choices))
        hint = f"did you mean '{near}'?" if near else None
        clause = f"must be {join_choices(choices)}"
        self._add("values/unknown-value", trail, position(node.at), clause, hint)

    def missing_key(self, trail: Trail, node: Mapping, key: str) -> None:
        """A key that has to be there."""
        self._add("values/missing-key", trail, _key_place(node), f"needs the key '{key}'", broken=key)

    def misspelled_key(self, trail: Trail, key: str) -> None:
        """A key that has to be there, and is under a name that has its own finding."""
        self.broken.add((*unroll(trail), key))

    def empty(self, trail: Trail, node: Node, hint: str) -> None:
        """An entry or item without a value."""
        self._add("values/empty", trail, _key_place(node), "is empty", hint)

    def _add(
        self,
        code: str,
        trail: Trail,
        where: Position,
        clause: str,
        hint: str | None = None,
        *,
        broken: str | None = None,
    ) -> None:
        path = unroll(trail)
        self.broken.add(path if broken is None else (*path, broken))
        self.problems.append(Problem(code, f"{name_place(path)} {clause}", where, hint, Severity.ERROR))

    def _nearest(self, key: str, known: list[str]) -> str | None:
        return nearest(key, known) if self._suggestions.take() else None


def join_choices(choices: Iterable[str]) -> str:
    """Write the texts of which one is taken: `Always or Never`, `one of Always, IfNotPresent, Never`."""
    shown = [choice for choice in choices if choice]
    return " or ".join(shown) if len(shown) <= 2 else f"one of {', '.join(shown)}"


def hint_for_empty(*, text: bool) -> str:
    """Say what to write instead of an entry or item without a value."""
    return 'write "" for an empty text, or leave it out' if text else "say something of it, or leave it out"


def hint_for_list(*, text: bool) -> str:
    """Say how a list is written: of texts, or of maps."""
    return 'write it as a list: ["first", "second"]' if text else "write it as a list: each entry begins with '- '"


def describe_kind(node: Node) -> str:
    """Say what kind of value a node is, without its characters."""
    from ks_universal.values.scalars import is_too_large, resolve

    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    if is_too_large(node):
        return "a number that is too large"
    try:
        value = resolve(node)
    except ValueError:
        return "a text"
    kinds = {bool: "true or false", int: "a number", float: "a fraction", type(None): "nothing"}
    return kinds.get(type(value), "a text")


def _key_place(node: Node) -> Position:
    mark: Mark = node.key_at if node.key_at is not None else node.at
    return position(mark)
