"""Converts what is passed through to Kubernetes: each definition's fields under their own names, checked by the table.

Nulls are dropped, everything else that is written is kept, zero values too.
"""

from functools import cache
from typing import Any

from msgspec import UNSET

from ks_universal.model.conversion import scalars
from ks_universal.model.conversion.findings import Findings, Trail, hint_for_empty, hint_for_list
from ks_universal.model.conversion.scalars import Convert
from ks_universal.model.kubernetes.choices import choices_of
from ks_universal.model.kubernetes.fields import fields_of
from ks_universal.values.nodes import Mapping, Node, Sequence
from ks_universal.values.scalars import is_null

_SCALARS: dict[str, Convert] = {
    "text": scalars.convert_text,
    "bool": scalars.convert_bool,
    "int32": scalars.convert_int32,
    "int64": scalars.convert_int,
    "number": scalars.convert_number,
    "quantity": scalars.convert_quantity,
    "int-or-text": scalars.convert_int_or_text,
    "any": scalars.convert_any,
}


@cache
def converter_of(kind: str) -> Convert:
    """Make the converter of a type in the table's notation (`[]Container`, `text`), once."""
    if kind.startswith("[]"):
        return convert_list(converter_of(kind[2:]))
    if kind.startswith("{}"):
        return convert_map(converter_of(kind[2:]))
    if kind in _SCALARS:
        return _SCALARS[kind]
    fields = fields_of(kind)
    return converter_of(fields[""]) if "" in fields else _Definition(kind).convert


def converter_of_field(definition: str, field: str) -> Convert:
    """Make the converter of a field of a definition; some take only a few texts."""
    kind = fields_of(definition)[field].rstrip("!")
    choices = choices_of(definition).get(field)
    if choices is None:
        return converter_of(kind)
    convert = one_of({choice: choice for choice in choices})
    return convert_list(convert) if kind.startswith("[]") else convert


def one_of(choices: dict[str, Any]) -> Convert:
    """Make the converter of a text that is one of a few: it gives what they stand for."""

    def convert(node: Node, trail: Trail, findings: Findings) -> Any:
        value = scalars.convert_text(node, trail, findings)
        if value is UNSET or value in choices:
            return choices.get(value, UNSET)
        findings.unknown_value(trail, node, value, tuple(choices))
        return UNSET

    return convert


def convert_list(convert: Convert) -> Convert:
    """Make the converter of a list of what `convert` takes."""
    text = convert in _SCALARS.values()

    def convert_items(node: Node, trail: Trail, findings: Findings) -> Any:
        if type(node) is not Sequence:
            return refuse(node, trail, findings, "a list", hint_for_list(text=text))
        items = []
        for index, item in enumerate(node.items):
            value = convert(item, (trail, index), findings)
            if value is not UNSET:
                items.append(value)
            elif is_null(item):
                findings.empty((trail, index), item, hint_for_empty(text=text))
        return items

    return convert_items


def convert_map(convert: Convert) -> Convert:
    """Make the converter of a map from any keys to what `convert` takes; keys without a value are dropped."""

    def convert_entries(node: Node, trail: Trail, findings: Findings) -> Any:
        if type(node) is not Mapping:
            return refuse(node, trail, findings, "a map")
        values = {}
        for key, child in node.entries.items():
            value = convert(child, (trail, key), findings)
            if value is not UNSET:
                values[key] = value
        return values

    return convert_entries


class _Definition:
    """A definition of the table. The converters of its fields are made when first needed: definitions are recursive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._fields = fields_of(name)
        self._required = [field for field, kind in fields_of(name).items() if kind.endswith("!")]
        self._converters: dict[str, Convert] = {}

    def convert(self, node: Node, trail: Trail, findings: Findings) -> Any:
        """Give the object as JSON."""
        if type(node) is not Mapping:
            return refuse(node, trail, findings, "a map")
        values = {}
        converters = self._converters
        for key, child in node.entries.items():
            convert = converters.get(key) or self._prepare(key)
            if convert is None:
                findings.unknown_key(trail, key, child, self._fields)
                continue
            value = convert(child, (trail, key), findings)
            if value is not UNSET:
                values[key] = value
        for field in self._required:
            if field not in values:
                report_missing(field, node, trail, findings)
        return values

    def _prepare(self, key: str) -> Convert | None:
        if key not in self._fields:
            return None
        self._converters[key] = converter_of_field(self._name, key)
        return self._converters[key]


def report_missing(field: str, node: Mapping, trail: Trail, findings: Findings) -> None:
    """Report a key that has to be there; one without a value is a finding of another kind."""
    written = node.entries.get(field)
    if written is None:
        findings.missing_key(trail, node, field)
    elif is_null(written):
        findings.empty((trail, field), written, "it cannot be left out")


def refuse(node: Node, trail: Trail, findings: Findings, expected: str, hint: str | None = None) -> Any:
    """Report a value of another kind than the place takes; null is none, and has no finding here."""
    if not is_null(node):
        findings.wrong_type(trail, node, expected, hint)
    return UNSET
