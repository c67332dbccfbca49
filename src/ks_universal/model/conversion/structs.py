"""Converts nodes to the format's structs by their annotations (see `types.py`); each struct is compiled on first use.

Converters take (node, trail, findings) and give the value, or UNSET: with a finding if it is wrong, without if null.
"""

from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import UNSET

from ks_universal.model.conversion import scalars
from ks_universal.model.conversion.definitions import (
    convert_list,
    converter_of,
    converter_of_field,
    one_of,
    refuse,
    report_missing,
)
from ks_universal.model.conversion.findings import Findings, Trail, hint_for_empty
from ks_universal.model.conversion.scalars import Convert
from ks_universal.model.format.types import AlsoBool, AsYaml, Format, Inline, Kubernetes
from ks_universal.model.kubernetes.fields import fields_of
from ks_universal.values.nodes import Mapping, Node, Sequence
from ks_universal.values.scalars import is_null

_SCALARS: dict[Any, Convert] = {
    str: scalars.convert_text,
    int: scalars.convert_int,
    bool: scalars.convert_bool,
    Any: scalars.convert_any,
}
# What we write ourselves at the place of a definition, and what Kubernetes refuses there.
RESERVED_FIELDS: dict[str, frozenset[str]] = {
    "DaemonSetSpec": frozenset({"selector", "template"}),
    "DeploymentSpec": frozenset({"selector", "template"}),
    "StatefulSetSpec": frozenset({"selector", "template"}),
    "PodSpec": frozenset({"activeDeadlineSeconds", "containers", "ephemeralContainers"}),
    "ContainerPort": frozenset({"name"}),
    "JobSpec": frozenset({"template"}),
    "CronJobSpec": frozenset({"jobTemplate"}),
}


class _Key(NamedTuple):
    field: str
    convert: Convert
    inline: str | None = None
    """The field that collects the key, for those that Kubernetes knows."""


def convert_struct(struct: type[Format], node: Node, trail: Trail, findings: Findings) -> Any:
    """Convert a map to a struct. What a required key lacks is filled with an empty value, so that checks can go on."""
    return _Struct.of(struct).convert(node, trail, findings)


def keys_of(struct: type[Format]) -> frozenset[str]:
    """List the keys that a struct takes, those of Kubernetes at its place too."""
    return _Struct.of(struct).list_keys()


@cache
def converter_for(annotation: Any) -> Convert:
    """Make the converter of an annotation; structs that inherit fields share those of these."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation)
    if origin in (Union, UnionType):
        return _union(*(converter_for(a) for a in get_args(annotation) if a is not type(None)))
    if origin is tuple:
        return _list_of(converter_for(get_args(annotation)[0]))
    if origin is dict:
        inner = get_args(annotation)[1]
        return _map_of(converter_for(inner), takes_null=type(None) in get_args(inner))
    if issubclass(annotation, StrEnum):
        return one_of({member.value: member for member in annotation})
    return _Struct.of(annotation).convert


def _annotated(annotation: Any) -> Convert:
    kind, *extras = get_args(annotation)
    for extra in extras:
        if isinstance(extra, Kubernetes):
            return converter_of(extra.definition)
        if isinstance(extra, AsYaml):
            return scalars.convert_any_text
        if isinstance(extra, AlsoBool):
            return _also_bool(converter_for(kind), {True: kind(extra.true), False: kind(extra.false)})
    return converter_for(kind)


def _also_bool(convert: Convert, meanings: dict[bool, StrEnum]) -> Convert:
    def convert_either(node: Node, trail: Trail, findings: Findings) -> Any:
        truth = scalars.find_truth(node)
        return convert(node, trail, findings) if truth is None else meanings[truth]

    return convert_either


def _union(convert: Convert, convert_items: Convert | None = None) -> Convert:
    """Convert what may also be a list, the last of the annotation's types."""
    if convert_items is None:
        return convert

    def convert_either(node: Node, trail: Trail, findings: Findings) -> Any:
        return (convert_items if type(node) is Sequence else convert)(node, trail, findings)

    return convert_either


def _list_of(convert: Convert) -> Convert:
    convert_items = convert_list(convert)

    def convert_tuple(node: Node, trail: Trail, findings: Findings) -> Any:
        items = convert_items(node, trail, findings)
        return items if items is UNSET else tuple(items)

    return convert_tuple


def _map_of(convert: Convert, *, takes_null: bool) -> Convert:
    text = convert in (scalars.convert_text, scalars.convert_any_text)

    def convert_entries(node: Node, trail: Trail, findings: Findings) -> Any:
        if type(node) is not Mapping:
            return refuse(node, trail, findings, "a map", _hint_for_list(node))
        values = {}
        for key, child in node.entries.items():
            value = convert(child, (trail, key), findings)
            if value is not UNSET:
                values[key] = value
            elif is_null(child) and takes_null:
                values[key] = None
            elif is_null(child):
                findings.empty((trail, key), child, hint_for_empty(text=text))
        return values

    return convert_entries


def _hint_for_list(node: Node) -> str | None:
    return (
        "the entries are keyed by their names: 'NAME: {...}' instead of '- name: NAME'"
        if type(node) is Sequence
        else None
    )


class _Struct:
    """A struct of the format with the converters of its keys."""

    def __init__(self, struct: type[Format]) -> None:
        self._struct = struct
        self._keys: dict[str, _Key] = {}
        self._required: dict[str, tuple[str, Any]] = {}

    @staticmethod
    @cache
    def of(struct: type[Format]) -> "_Struct":
        """Give the one of a struct; it is compiled when it first converts something."""
        return _Struct(struct)

    def convert(self, node: Node, trail: Trail, findings: Findings) -> Any:
        """Give the struct; UNSET if the node is no map."""
        if type(node) is not Mapping:
            return refuse(node, trail, findings, "a map")
        values: dict[str, Any] = {}
        meant: set[str | None] = set()
        if not self._keys:
            self._compile()
        for key, child in node.entries.items():
            known = self._keys.get(key)
            if known is None:
                place = _find_place(self._struct, key, child)
                meant.add(findings.unknown_key(trail, key, child, self._keys, place))
                continue
            field, convert, inline = known
            value = convert(child, (trail, key), findings)
            if value is UNSET:
                continue
            if inline is None:
                values[field] = value
            else:
                values.setdefault(inline, {})[key] = value
        for field, (key, fallback) in self._required.items():
            if field not in values:
                values[field] = fallback
                if key in meant and key not in node.entries:
                    findings.misspelled_key(trail, key)
                else:
                    report_missing(key, node, trail, findings)
        return self._struct(**values)

    def list_keys(self) -> frozenset[str]:
        """List the keys that are taken."""
        if not self._keys:
            self._compile()
        return frozenset(self._keys)

    def _compile(self) -> None:
        """Make all converters before any is seen: another thread may be converting such a struct at this moment."""
        keys: dict[str, _Key] = {}
        required: dict[str, tuple[str, Any]] = {}
        for info in msgspec.structs.fields(self._struct):
            definition = inline_definition(info.type)
            if definition is not None:
                _add_inline(keys, info.name, definition)
                continue
            key = info.encode_name.rstrip("_")
            keys[key] = _Key(info.name, converter_for(info.type))
            if info.required:
                required[info.name] = (key, _empty_value(info.type))
        self._required = required
        self._keys = keys  # the last, for it says that the struct is compiled


def _add_inline(keys: dict[str, _Key], field: str, definition: str) -> None:
    refused = RESERVED_FIELDS.get(definition, frozenset())
    for key in fields_of(definition):
        if key not in refused and key not in keys:
            keys[key] = _Key(key, converter_of_field(definition, key), field)


def inline_definition(annotation: Any) -> str | None:
    """Give the definition whose keys a field collects; None for a field that is a key itself."""
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((extra.definition for extra in extras if isinstance(extra, Inline)), None)


def _find_place(struct: type[Format], key: str, node: Node) -> str | None:
    from ks_universal.model.conversion.misplaced import find_place

    return find_place(struct, key, node, keys_of)


def _empty_value(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return next(iter(annotation))
    return (get_origin(annotation) or annotation)()
