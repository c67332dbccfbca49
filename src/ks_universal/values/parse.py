"""YAML text to the tree of `nodes.py`, by the parser's events.

Events, and no composer or constructor, because the tree keeps the characters as written and the place of everything.
Anchors, aliases and merge keys are resolved here; what is wrong is returned as findings, never raised.
"""

import io
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from ks_universal.diagnostics import Problem
from ks_universal.values.merge import merge
from ks_universal.values.nodes import Mapping, Mark, Node, Scalar, Sequence, Written, position
from ks_universal.values.scalars import is_null

try:
    from yaml import CBaseLoader as _Parser
except ImportError:  # PyYAML was built without libyaml: the same events, at a tenth of the speed
    from yaml import BaseLoader as _Parser  # type: ignore[assignment]  # the stubs know no common base

MAX_DEPTH = 200
MAX_ALIASED_NODES = 1_000_000
_STANDARD_TAG = "tag:yaml.org,2002:"


def parse_yaml(text: str, name: str) -> tuple[Mapping, list[Problem]]:
    """Read all documents of `text`, merged in order, into one map; `name` is what positions call the text.

    Whatever `text` holds, nothing is raised. Where reading had to stop, the map is empty.
    """
    documents, problems = parse_documents(text, name)
    problems.extend(_not_a_map(node) for node in documents if not isinstance(node, Mapping) and not is_null(node))
    maps = [node for node in documents if isinstance(node, Mapping)]
    return (reduce(merge, maps) if maps else Mapping({}, Written(name))), problems


def parse_documents(text: str, name: str) -> tuple[list[Node], list[Problem]]:
    """Read the documents of `text`, each by itself; none where reading had to stop. Nothing is raised."""
    text = text.removeprefix("\ufeff")
    if not _is_unicode(text):
        from ks_universal.values.syntax import describe_unprintable

        return [], [describe_unprintable(text, name)]
    problems: list[Problem] = []
    try:
        return list(_Reader(_Parser(_Stream(text, name)).get_event, problems).read_documents()), problems
    except yaml.YAMLError as error:
        from ks_universal.values.syntax import describe_syntax_error

        return [], [*problems, describe_syntax_error(error, text, name)]
    except _RefusedError as refusal:
        return [], [*problems, refusal.problem]


class _Stream(io.StringIO):
    """Text with a name: the parser's marks take it over."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


class _RefusedError(Exception):
    """The text is YAML, but reading on would not end well."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Reader:
    """Builds nodes from the events of one stream; anchors hold for one document, an open one is None."""

    def __init__(self, get_event: Callable[[], Any], problems: list[Problem]) -> None:
        self._get_event = get_event
        self._problems = problems
        self._anchors: dict[str, Node | None] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._aliased_nodes = 0
        self._depth = 0

    def read_documents(self) -> Iterator[Node]:
        """Give the top node of each document."""
        self._get_event()
        while type(self._get_event()) is DocumentStartEvent:
            self._anchors.clear()
            self._sizes.clear()
            yield self._read(self._get_event(), None)
            self._get_event()

    def _read(self, event: Any, key_at: Mark | None) -> Node:
        kind = type(event)
        if kind is AliasEvent:
            return self._copy_anchored(event, key_at)
        node: Node
        if kind is ScalarEvent:
            node = _scalar(event, key_at)
        else:
            self._descend(event)
            node = self._read_map(event, key_at) if kind is MappingStartEvent else self._read_list(event, key_at)
            self._depth -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = node
            self._sizes.pop(event.anchor, None)
        return node

    def _descend(self, event: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _RefusedError(_too_deep(event.start_mark))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _read_list(self, start: Any, key_at: Mark | None) -> Sequence:
        items: list[Node] = []
        while type(event := self._get_event()) is not SequenceEndEvent:
            items.append(self._read(event, None))
        return Sequence(items, start.start_mark, key_at)

    def _read_map(self, start: Any, key_at: Mark | None) -> Mapping:
        get_event = self._get_event
        entries: dict[str, Node] = {}
        merged: dict[str, Node] | None = None
        while type(event := get_event()) is not MappingEndEvent:
            if type(event) is ScalarEvent and event.value and event.anchor is None:
                key: str | None = event.value
            else:
                key = self._read_key(event)
            at = event.start_mark
            node = self._read(get_event(), at)
            if key == "<<" and not event.style:
                merged = self._merge_in(merged, node, at)
            elif key in entries:
                self._problems.append(_duplicate(key, at, entries[key].key_at))
            elif key is not None:
                entries[key] = node
        return Mapping({**merged, **entries} if merged else entries, start.start_mark, key_at)

    def _read_key(self, event: Any) -> str | None:
        """Read a key that is more, or less, than a word; None, with a finding, where it is no text."""
        node = self._read(event, None)
        if isinstance(node, Scalar) and (node.text or not node.plain):
            return node.text
        self._problems.append(_missing_key(event) if isinstance(node, Scalar) else _complex_key(event))
        return None

    def _merge_in(self, merged: dict[str, Node] | None, node: Node, at: Mark) -> dict[str, Node]:
        """Add what `<<` brings: a map, or a list of maps in which the first one wins."""
        if merged is not None:
            self._problems.append(_merged_twice(at))
        result = dict(merged or {})
        for source in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(source, Mapping):
                result = {**source.entries, **result}
            else:
                self._problems.append(_bad_merge(source.at))
        return result

    def _copy_anchored(self, event: Any, key_at: Mark | None) -> Node:
        name, at = event.anchor, event.start_mark
        node = self._anchors.get(name)
        if node is None:
            return self._report_alias(name, at, key_at)
        if isinstance(node, Scalar):
            return Scalar(node.text, node.plain, at, key_at, node.tag)
        self._count_aliased(name, node, at)
        if isinstance(node, Mapping):
            return Mapping(node.entries, at, key_at)
        return Sequence(node.items, at, key_at)

    def _report_alias(self, name: str, at: Mark, key_at: Mark | None) -> Node:
        reason = "stands inside the value that it repeats" if name in self._anchors else "has no anchor before it"
        hint = None if name in self._anchors else "a text that starts with '*' needs quotes"
        self._problems.append(Problem("values/alias", f"the alias '*{name}' {reason}", position(at), hint))
        return Scalar("", plain=True, at=at, key_at=key_at)

    def _count_aliased(self, name: str, node: Node, at: Mark) -> None:
        """Refuse what would grow without bound: anchors of aliases of anchors (the 'billion laughs')."""
        if name not in self._sizes:
            self._sizes[name] = _measure(node)
        size, height = self._sizes[name]
        self._aliased_nodes += size
        if self._depth + height > MAX_DEPTH:
            raise _RefusedError(_too_deep(at))
        if self._aliased_nodes > MAX_ALIASED_NODES:
            message = f"the aliases up to here repeat more than {MAX_ALIASED_NODES:,} values"
            raise _RefusedError(Problem("values/alias", message, position(at)))


def _scalar(event: Any, key_at: Mark | None) -> Scalar:
    tag = event.tag
    if tag is not None and tag.startswith(_STANDARD_TAG):
        tag = "!!" + tag[len(_STANDARD_TAG) :]
    return Scalar(event.value, not event.style, event.start_mark, key_at, tag)


def _measure(node: Node) -> tuple[int, int]:
    """Count the nodes at and below `node`, and the levels of maps and lists."""
    if isinstance(node, Scalar):
        return 1, 0
    children = node.entries.values() if isinstance(node, Mapping) else node.items
    size, height = 1, 0
    for child in children:
        below, levels = _measure(child)
        size += below
        height = max(height, levels)
    return size, height + 1


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_a_map(node: Node) -> Problem:
    found = "a list" if isinstance(node, Sequence) else "a single value"
    return Problem("values/not-a-map", f"the values must be a map of keys, not {found}", position(node.at))


def _too_deep(at: Mark) -> Problem:
    return Problem("values/too-deep", f"maps and lists are nested more than {MAX_DEPTH} levels deep", position(at))


def _duplicate(key: str, at: Mark, first: Mark | None) -> Problem:
    place = f"; it was first written at {position(first)}" if first else ""
    hint = "keep one of the two" if first else None
    return Problem("values/duplicate-key", f"the key '{key}' is written twice in one map{place}", position(at), hint)


def _missing_key(event: Any) -> Problem:
    return Problem("values/key", "a key is missing before the colon", position(event.start_mark))


def _complex_key(event: Any) -> Problem:
    hint = "a text that starts with '{{' needs quotes" if getattr(event, "flow_style", False) else None
    return Problem("values/key", "a key must be a text, not a map or a list", position(event.start_mark), hint)


def _merged_twice(at: Mark) -> Problem:
    hint = "merge several maps with a list: '<<: [*a, *b]'"
    return Problem("values/duplicate-key", "the key '<<' is written twice in one map", position(at), hint)


def _bad_merge(at: Mark) -> Problem:
    return Problem("values/merge-key", "'<<' takes a map or a list of maps, usually aliases", position(at))
