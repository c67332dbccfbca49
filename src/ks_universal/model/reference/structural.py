"""The format as the structural schema of a custom resource: `schema.py`, as far as Kubernetes has its words.

Such a schema has no references, no `type` with several words and no choice between types. So what is refused here is
refused by the JSON Schema, too, and not the other way round: where the format takes several types, and below the
definitions of Kubernetes (a schema that repeats these wherever they may stand is too large for etcd), everything is
taken, and whoever reads the values says what is wrong. So are unknown keys: the API server drops those that a schema
does not keep, and tells nobody when it was asked by a server-side apply and a map above keeps its own.
"""

import re
from typing import Any

from ks_universal.model.reference.schema import Schema, build_partial_schema

_OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_OPEN_MAP: Schema = {"type": "object", "nullable": True, **_OPEN}
_PLAIN: dict[tuple[str, ...], Schema] = {
    ("integer", "string"): {"x-kubernetes-int-or-string": True, "nullable": True},
    ("object",): _OPEN_MAP,
}
_ORIGIN = re.compile(r"[\w ]+: \w+(?:\.\w+)+", re.ASCII)
"""What describes a key of Kubernetes by its place there: `Kubernetes: PodSpec.affinity`."""


def build_structural_schema() -> Schema:
    """Give the schema of values that may be laid over others: nothing is required, and null is taken everywhere.

    The keys of each of the format's maps are described where it comes first: `kubectl apply` keeps a copy of at most
    256 KiB.
    """
    schema = build_partial_schema()
    return _Translator(schema["$defs"]).translate(schema, ())


class _Translator:
    """Writes definitions out where they are referred to."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self._described: set[str] = set()

    def translate(self, schema: Schema, above: tuple[str, ...], *, described: bool = True) -> Schema:
        """Give a schema without references; `above` are the definitions that it is in."""
        if "$ref" in schema:
            return self._write_out(schema["$ref"].rpartition("/")[2], above)
        if "enum" in schema:
            return _choose([each for each in schema["enum"] if each is not None])
        types = tuple(each for each in schema.get("type", ()) if each != "null")
        if types == ("array",):
            items = self.translate(schema["items"], above, described=described)
            return {"type": "array", "nullable": True, "items": items}
        if types == ("object",) and isinstance(schema.get("additionalProperties"), dict):
            entries = self.translate(schema["additionalProperties"], above, described=described)
            return {"type": "object", "nullable": True, "additionalProperties": entries}
        if types == ("object",) and "properties" in schema:
            keys = schema["properties"].items()
            properties = {name: self._describe(key, above, described=described) for name, key in keys}
            return {**_OPEN_MAP, "properties": properties}
        return _PLAIN.get(types, _OPEN)

    def _describe(self, key: Schema, above: tuple[str, ...], *, described: bool) -> Schema:
        description = key.get("description", "")
        is_ours = described and description and not _ORIGIN.fullmatch(description)
        text: dict[str, Any] = {"description": description} if is_ours else {}
        return {**text, **self.translate(key, above)}

    def _write_out(self, name: str, above: tuple[str, ...]) -> Schema:
        if name in above or name.startswith("kubernetes."):
            return _OPEN_MAP
        described = name not in self._described
        self._described.add(name)
        return self.translate(self._definitions[name], (*above, name), described=described)


def _choose(choices: list[Any]) -> Schema:
    """Take one of some texts, or null: by a pattern, for kubectl refuses null in a list of them."""
    if not all(isinstance(choice, str) for choice in choices):
        return _OPEN
    return {"type": "string", "nullable": True, "pattern": f"^({'|'.join(map(re.escape, choices))})$"}
