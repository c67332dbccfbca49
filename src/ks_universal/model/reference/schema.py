"""The format as a JSON Schema (draft 2020-12), for editors: what `description.py` says, in JSON Schema's words.

It takes what `validate` takes of a single file, except top-level keys that only expressions name: `global`, and what
begins with `x-`, is for them.
What only the whole input can tell (references, names, contradictions) stays with `validate`.
"""

from typing import Any

from ks_universal.model.parse import ANYBODYS
from ks_universal.model.reference.description import (
    ROOT,
    Choice,
    FormatMap,
    Kind,
    KubernetesMap,
    ListOf,
    MapOf,
    OrList,
    Plain,
    list_keys,
)

Schema = dict[str, Any]
# A key that is null is left out, and removes what it would inherit.
_SCALAR = ["string", "number", "boolean", "null"]
_PLAIN: dict[str, Schema] = {
    "text": {"type": _SCALAR},
    "yaml-text": {"type": [*_SCALAR, "array", "object"]},
    "bool": {"enum": [True, False, "true", "false", None]},
    "int32": {"type": ["integer", "string", "null"], "pattern": "^[-+]?[0-9]+$"},
    "int64": {"type": ["integer", "string", "null"], "pattern": "^[-+]?[0-9]+$"},
    "number": {"type": ["number", "string", "null"], "pattern": "^[-+]?[0-9.]+"},
    "quantity": {"type": ["string", "number", "null"]},
    "int-or-text": {"type": ["string", "number", "null"]},
    "any": {},
}
_LIST = ["array", "null"]
_MAP = ["object", "null"]
# Forms that are taken beside those of the structs: see `forms.py`.
_BY_NAME = frozenset({"initContainers", "volumeClaimTemplates"})
_CLAIM = KubernetesMap("PersistentVolumeClaim")
_SPEC_AROUND = frozenset({"NetworkPolicy", "Quota"})


def build_schema() -> Schema:
    """Give the schema of a values file that stands alone: what is required has to be there."""
    return _Builder().build()


def build_partial_schema() -> Schema:
    """Give the schema of a file that is laid over others (`-f a.yaml -f b.yaml`): nothing is required."""
    schema: Schema = _without_required(build_schema())
    return schema


class _Builder:
    """Collects the definitions that are referred to, each once."""

    def __init__(self) -> None:
        self._definitions: dict[str, Schema] = {}
        self._inherited = _find_inherited()

    def build(self) -> Schema:
        """Build the whole schema."""
        root = self._describe_map(ROOT)
        anybodys: Schema = {"patternProperties": {f"^{ANYBODYS}": {}}}
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ks-universal values"}
        return {**head, **root, **anybodys, "$defs": dict(sorted(self._definitions.items()))}

    def _describe(self, kind: Kind) -> Schema:
        match kind:
            case Plain(name):
                return _PLAIN[name]
            case Choice(values, or_bool):
                return {"enum": [*values, *(_PLAIN["bool"]["enum"] if or_bool else [None])]}
            case ListOf(item):
                return {"type": _LIST, "items": self._describe(item)}
            case OrList(scalar, items):
                return {"anyOf": [self._describe(scalar), self._describe(items)]}
            case MapOf(value):
                return {"type": _MAP, "additionalProperties": self._describe(value)}
            case FormatMap() | KubernetesMap():
                return self._refer(kind)

    def _refer(self, kind: FormatMap | KubernetesMap) -> Schema:
        name = kind.struct.__name__ if isinstance(kind, FormatMap) else f"kubernetes.{kind.definition}"
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = self._describe_map(kind)
        return {"$ref": f"#/$defs/{name}"}

    def _describe_map(self, kind: FormatMap | KubernetesMap) -> Schema:
        keys = list_keys(kind)
        properties = {name: self._describe_key(name, key.kind, key.description) for name, key in keys.items()}
        if isinstance(kind, FormatMap) and kind.struct.__name__ in _SPEC_AROUND:
            properties["spec"] = {"type": _MAP, "description": "The fields of Kubernetes' spec, as they are there."}
        schema: Schema = {"type": _MAP, "properties": properties, "additionalProperties": False}
        required = [name for name, key in keys.items() if key.required]
        return schema if not required or kind in self._inherited else {**schema, "required": required}

    def _describe_key(self, name: str, kind: Kind, description: str) -> Schema:
        match kind:
            case ListOf(FormatMap() as listed) if name in _BY_NAME:
                item = self._refer(listed)
                items = {"anyOf": [item, self._refer(_CLAIM)]} if name == "volumeClaimTemplates" else item
                described: Schema = {"type": ["array", "object", "null"], "items": items, "additionalProperties": item}
            case ListOf(FormatMap() as sidecar) if name == "sidecars":
                item = self._refer(sidecar)
                either = {"anyOf": [item, {"type": "string"}]}
                described = {"type": ["array", "object", "null"], "items": either, "additionalProperties": item}
            case ListOf(FormatMap() as host) if name == "hostnames":
                described = {"type": _LIST, "items": {"anyOf": [self._refer(host), {"type": "string"}]}}
            case _:
                described = self._describe(kind)
        return {"description": description, **described}


def _find_inherited() -> set[Kind]:
    """Find the maps, outside lists, that entries may leave incomplete: `deploymentsGeneral` may have the rest."""
    found: set[Kind] = set()
    waiting: list[Kind] = [list_keys(ROOT)["deploymentsGeneral"].kind]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, MapOf):
            waiting.append(kind.value)
        elif isinstance(kind, FormatMap | KubernetesMap) and kind not in found:
            found.add(kind)
            waiting += [key.kind for key in list_keys(kind).values()]
    return found


def _without_required(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    if isinstance(schema, dict):
        # A property may be called `required`, too: that one is a schema, no list.
        kept = {k: v for k, v in schema.items() if k != "required" or not isinstance(v, list)}
        return {key: _without_required(value) for key, value in kept.items()}
    return schema
