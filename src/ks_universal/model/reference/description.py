"""The format as data: which keys a place takes, of which kind, what for. Schema, `explain` and docs are made from it.

Read from the structs' annotations, the Kubernetes tables and `descriptions.json`; only when somebody asks.
"""

import re
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ks_universal.model.conversion.structs import RESERVED_FIELDS, inline_definition
from ks_universal.model.format.application import Application
from ks_universal.model.format.types import AlsoBool, AsYaml, Format, Kubernetes
from ks_universal.model.format.workloads import General
from ks_universal.model.kubernetes.choices import choices_of
from ks_universal.model.kubernetes.fields import fields_of

_PLAIN: dict[Any, str] = {str: "text", int: "int64", bool: "bool", Any: "any"}
_PROJECTS = {
    "HTTPRoute": "Gateway API",
    "Certificate": "cert-manager",
    "ServiceMonitor": "Prometheus operator",
    "DexAuthenticator": "Deckhouse",
}
_GENERAL = "deploymentsGeneral"
_GENERAL_TEXT = "What workloads inherit, and jobs and cron jobs, where it fits them; their own setting overrides it."


class Plain(msgspec.Struct, frozen=True):
    """A scalar in the notation of the tables (`text`, `int32`, see `fields.py`), or `yaml-text` (see `AsYaml`)."""

    name: str


class Choice(msgspec.Struct, frozen=True):
    """One of some texts; `or_bool`: a boolean says one of them, too."""

    values: tuple[str, ...]
    or_bool: bool = False


class ListOf(msgspec.Struct, frozen=True):
    """A list."""

    item: "Kind"


class MapOf(msgspec.Struct, frozen=True):
    """A map from names that the user chooses."""

    value: "Kind"


class OrList(msgspec.Struct, frozen=True):
    """A scalar, or a list."""

    scalar: "Kind"
    list: ListOf


class FormatMap(msgspec.Struct, frozen=True):
    """A map with the keys of a struct of the format."""

    struct: type[Format]


class KubernetesMap(msgspec.Struct, frozen=True):
    """A map with the fields of a definition of the tables."""

    definition: str


Kind = Plain | Choice | ListOf | MapOf | OrList | FormatMap | KubernetesMap


class Key(msgspec.Struct, frozen=True):
    """A key of a map. `default` is None where there is none to name; `origin` is the definition that brings the key."""

    kind: Kind
    description: str
    required: bool = False
    default: Any = None
    origin: str | None = None


ROOT = FormatMap(Application)


@cache
def list_keys(kind: FormatMap | KubernetesMap) -> dict[str, Key]:
    """List the keys of a map in the order of the format: our own, then those of Kubernetes at this place."""
    if isinstance(kind, KubernetesMap):
        return _list_fields(kind.definition)
    fields = msgspec.structs.fields(kind.struct)
    inline = [definition for field in fields if (definition := inline_definition(field.type))]
    own = {_name(field): _describe(kind.struct, field) for field in fields if inline_definition(field.type) is None}
    if kind == ROOT:
        own = {_GENERAL: Key(FormatMap(General), _GENERAL_TEXT), **own}
    for definition in inline:
        refused = RESERVED_FIELDS.get(definition, frozenset())
        # What Kubernetes requires here we fill in, or it is reported when the whole is known.
        passed = {name: msgspec.structs.replace(key, required=False) for name, key in _list_fields(definition).items()}
        own.update({name: key for name, key in passed.items() if name not in own and name not in refused})
    return own


@cache
def load_descriptions() -> dict[str, dict[str, str]]:
    """Read what keys are for: {struct: {key: sentence}}; `Format` has those that mean the same everywhere."""
    with open(__file__.removesuffix("description.py") + "descriptions.json", "rb") as file:  # noqa: PTH123 - see fields.py
        return msgspec.json.decode(file.read(), type=dict[str, dict[str, str]])


def _name(field: msgspec.structs.FieldInfo) -> str:
    return field.encode_name.rstrip("_")


def _describe(struct: type[Format], field: msgspec.structs.FieldInfo) -> Key:
    name = _name(field)
    texts = (load_descriptions().get(base.__name__, {}).get(name) for base in struct.__mro__)
    description = next(text for text in texts if text)
    return Key(_read_kind(field.type), description, field.required, _find_default(field))


def _find_default(field: msgspec.structs.FieldInfo) -> Any:
    """Give a default that a user would write; those of maps and lists are all empty."""
    default = field.default
    if default is msgspec.NODEFAULT or isinstance(default, Format | dict | tuple):
        return None
    return default.value if isinstance(default, StrEnum) else default


def _read_kind(annotation: Any) -> Kind:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        kind, *lists = (_read_kind(a) for a in arguments if a is not type(None))
        return next((OrList(kind, each) for each in lists if isinstance(each, ListOf)), kind)
    if origin is Annotated:
        return _read_extras(arguments)
    if annotation in _PLAIN:
        return Plain(_PLAIN[annotation])
    if origin is tuple:
        return ListOf(_read_kind(arguments[0]))
    if origin is dict:
        return MapOf(_read_kind(arguments[1]))
    return Choice(tuple(annotation)) if issubclass(annotation, StrEnum) else FormatMap(annotation)


def _read_extras(arguments: tuple[Any, ...]) -> Kind:
    for extra in arguments[1:]:
        if isinstance(extra, Kubernetes):
            return _read_notation(extra.definition)
        if isinstance(extra, AsYaml):
            return Plain("yaml-text")
        if isinstance(extra, AlsoBool):
            return Choice(tuple(arguments[0]), or_bool=True)
    return _read_kind(arguments[0])


def _list_fields(definition: str) -> dict[str, Key]:
    choices = choices_of(definition)
    return {
        name: Key(
            _read_field(kind.rstrip("!"), choices.get(name)),
            _name_origin(definition, name),
            kind.endswith("!"),
            origin=definition,
        )
        for name, kind in fields_of(definition).items()
    }


def _read_field(kind: str, choices: tuple[str, ...] | None) -> Kind:
    if choices is None:
        return _read_notation(kind)
    return ListOf(Choice(choices)) if kind.startswith("[]") else Choice(choices)


def _read_notation(kind: str) -> Kind:
    """Read a type of the tables."""
    if kind.startswith("[]"):
        return ListOf(_read_notation(kind[2:]))
    if kind.startswith("{}"):
        return MapOf(_read_notation(kind[2:]))
    if not kind[0].isupper():
        return Plain(kind)
    fields = fields_of(kind)
    return _read_notation(fields[""]) if "" in fields else KubernetesMap(kind)


def _name_origin(definition: str, field: str) -> str:
    kind = re.split("Spec", definition, maxsplit=1)[0]
    return f"{_PROJECTS.get(kind, 'Kubernetes')}: {definition}.{field}"
