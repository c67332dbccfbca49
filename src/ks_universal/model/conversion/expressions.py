"""Where the format reads expressions (section 25 of the reference), and what they bring there.

`image`, `imageTag` and the values of variables; of a list or map each text by itself, so that YAML stays YAML. Runs
before anything is inherited or typed. The language is `values/expressions`, which is imported when a text holds `{{`.
"""

from typing import TYPE_CHECKING

import msgspec

from ks_universal.diagnostics import Position, Problem, Severity
from ks_universal.model.conversion.findings import Trail, name_place, unroll
from ks_universal.model.format.workloads import WORKLOAD_SECTIONS
from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence, position

if TYPE_CHECKING:
    from ks_universal.values.expressions.context import Context
    from ks_universal.values.expressions.errors import ExpressionError

_UNUSABLE = "unknown"
"""Stands for what has a finding already, and fits everywhere, so that nothing else is found there."""


class Release(msgspec.Struct, frozen=True):
    """What is known of the release; an empty `namespace` is not known. `version` is the program's.

    Expressions are told of what is not known what `helm template` tells.
    """

    name: str = "release-name"
    namespace: str = ""
    version: str = ""
    now_s: int | None = None
    """The time of the run, in seconds since 1970; None: not known."""


class Expansion(msgspec.Struct, frozen=True):
    """`keys` are what the expressions may read at the top of the values."""

    tree: Mapping
    problems: list[Problem]
    keys: set[str]


class _Text(msgspec.Struct, frozen=True):
    """Texts at a place, and below it; in a `reference` to an image braces can be nothing but expressions."""

    reference: bool = False


class _Each(msgspec.Struct, frozen=True):
    """The entries of a map, or the items of a list."""

    inner: "_Place"


class _Keys(msgspec.Struct, frozen=True):
    """Some keys of a map."""

    inner: "dict[str, _Place]"


_Place = _Text | _Each | _Keys
_VARIABLES = _Each(_Keys({"value": _Text()}))
_CONTAINER: dict[str, _Place] = {"image": _Text(reference=True), "imageTag": _Text(reference=True), "env": _VARIABLES}
_CONTAINERS = _Each(_Keys(_CONTAINER))
_STEP: dict[str, _Place] = {**_CONTAINER, "initContainers": _CONTAINERS, "sidecars": _CONTAINERS}
_POD: dict[str, _Place] = {"containers": _CONTAINERS, "initContainers": _CONTAINERS}
_MIGRATIONS = _Keys({**_STEP, "steps": _Each(_Keys(_STEP))})
_PLACES = _Keys(
    {
        **dict.fromkeys(WORKLOAD_SECTIONS, _Each(_Keys({**_POD, "migrations": _MIGRATIONS}))),
        "deploymentsGeneral": _Keys({"initContainers": _CONTAINERS}),
        "jobs": _Each(_Keys(_POD)),
        "cronJobs": _Each(_Keys(_POD)),
        "secretRefs": _Each(_VARIABLES),
        "extraObjects": _Text(),
    }
)


def expand_expressions(tree: Mapping, release: Release) -> Expansion:
    """Give the tree with the texts that its expressions have; unchanged parts are shared, and nothing is raised."""
    walk = _Walk(tree, release)
    expanded = walk.expand(tree, _PLACES, None)
    return Expansion(expanded if isinstance(expanded, Mapping) else tree, walk.problems, walk.keys)


class _Walk:
    """One walk through a tree, with what it finds."""

    def __init__(self, tree: Mapping, release: Release) -> None:
        self._tree = tree
        self._release = release
        self._context: Context | None = None
        self.problems: list[Problem] = []
        self.keys: set[str] = set()

    def expand(self, node: Node, place: _Place, trail: Trail) -> Node:
        """Give the node as it is after expansion, itself where nothing changes."""
        if type(node) is Scalar:
            return self._expand_text(node, place, trail) if "{{" in node.text and type(place) is _Text else node
        if type(node) is Mapping:
            return self._expand_map(node, place, trail)
        if type(node) is Sequence and type(place) is not _Keys:
            return self._expand_list(node, place, trail)
        return node

    def _expand_map(self, node: Mapping, place: _Place, trail: Trail) -> Node:
        changed: dict[str, Node] = {}
        if type(place) is _Keys:
            for key, inner in place.inner.items():
                child = node.entries.get(key)
                if child is None or (type(child) is Scalar and "{{" not in child.text):
                    continue
                if (new := self.expand(child, inner, (trail, key))) is not child:
                    changed[key] = new
        else:
            inner = _inner(place)
            for key, child in node.entries.items():
                if (new := self.expand(child, inner, (trail, key))) is not child:
                    changed[key] = new
        return Mapping({**node.entries, **changed}, node.at, node.key_at) if changed else node

    def _expand_list(self, node: Sequence, place: _Place, trail: Trail) -> Node:
        inner = _inner(place)
        items = [self.expand(item, inner, (trail, index)) for index, item in enumerate(node.items)]
        if all(new is old for new, old in zip(items, node.items, strict=True)):
            return node
        return Sequence(items, node.at, node.key_at)

    def _expand_text(self, node: Scalar, place: _Text, trail: Trail) -> Node:
        from ks_universal.values.expressions.expand import expand_text

        if node.tag not in (None, "!!str"):
            return node
        expanded = expand_text(node.text, self._read_context(), always=place.reference)
        self.keys |= expanded.keys
        for errors, severity in ((expanded.errors, Severity.ERROR), (expanded.warnings, Severity.WARNING)):
            self.problems += [_describe(error, severity, node, trail) for error in errors]
        if expanded.text == node.text:
            return node
        text = _UNUSABLE if expanded.text is None else expanded.text
        # Written bare by the chart: blanks around a reference, such as a block's last newline, don't count.
        return Scalar(text.strip() if place.reference else text, plain=False, at=node.at, key_at=node.key_at)

    def _read_context(self) -> "Context":
        if self._context is None:
            from ks_universal.values.expressions.context import Context

            release = self._release
            self._context = Context(
                self._tree, release.name, release.namespace or "default", version=release.version, now_s=release.now_s
            )
        return self._context


def _inner(place: _Place) -> _Place:
    return place.inner if type(place) is _Each else place


def _describe(error: "ExpressionError", severity: Severity, node: Scalar, trail: Trail) -> Problem:
    message = f"{name_place(unroll(trail))}: {error.message}"
    return Problem(error.code, message, _locate(node, error.at), error.hint, severity)


def _locate(node: Scalar, at: int | None) -> Position:
    """Find the place of a part. Only text without quotes and folds is in the file as it is here."""
    start = position(node.at)
    if not node.plain or at is None or "\n" in node.text:
        return start
    return Position(start.file, start.line, start.column + at)
