"""The tree that values are read into: three kinds of node, each with the place it was written at.

Scalars keep the characters as written; what they mean depends on what the format wants there (see `scalars.py`).
Nodes are never changed after loading; merging and inheritance build new ones that share unchanged parts. They never
form cycles, so the garbage collector is told not to track them (`gc=False`): that halves the time of a large file.
"""

from typing import Protocol

import msgspec

from ks_universal.diagnostics import Position


class Mark(Protocol):
    """A place as the YAML parser has it: line and column count from 0."""

    @property
    def name(self) -> str:
        """What the user called the input."""

    @property
    def line(self) -> int:
        """The line, from 0."""

    @property
    def column(self) -> int:
        """The column, from 0."""


class Written(msgspec.Struct, frozen=True):
    """A Mark of our own, for values that come from the command line."""

    name: str
    line: int = 0
    column: int = 0


class Scalar(msgspec.Struct, eq=False, gc=False):
    """A scalar: `text` as written (unescaped), `plain` if unquoted, `tag` an explicit YAML tag such as `!!str`."""

    text: str
    plain: bool
    at: Mark
    key_at: Mark | None = None
    tag: str | None = None


class Sequence(msgspec.Struct, eq=False, gc=False):
    """A list of nodes."""

    items: list["Node"]
    at: Mark
    key_at: Mark | None = None


class Mapping(msgspec.Struct, eq=False, gc=False):
    """A map in the order written. `key_at` of each entry's node is the place of its key."""

    entries: dict[str, "Node"]
    at: Mark
    key_at: Mark | None = None


Node = Scalar | Sequence | Mapping
Path = tuple[str | int, ...]


def position(mark: Mark) -> Position:
    """Turn the parser's mark into the place that people are shown."""
    return Position(mark.name, mark.line + 1, mark.column + 1)


def find(root: Node, path: Path) -> Node | None:
    """Find the node at a path; None if there is none."""
    node: Node | None = root
    for part in path:
        node = None if node is None else _child(node, part)
    return node


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.entries.get(part)
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def locate(root: Node, path: Path, *, key: bool = False) -> Position:
    """Find where a value (or with `key` its key) was written; for an absent path, its nearest existing parent."""
    node = root
    complete = True
    for part in path:
        child = _child(node, part)
        if child is None:
            complete = False
            break
        node = child
    if (key or not complete) and node.key_at is not None:
        return position(node.key_at)
    return position(node.at)


def format_path(path: Path) -> str:
    """Write a path as people read it: `deployments.my-app.containers.main.env[0].name`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not part or "." in part or not part.isprintable() or " " in part:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return text
