"""Write `src/ks_universal/model/kubernetes/others.json`: the fields that kinds of other projects have.

Run it (with a Go toolchain) after a change of `get_definitions.py`, which names their versions. The notation is that of
`ks_universal.model.kubernetes.fields`; what a field nests is a
definition called by its path (`HTTPRouteSpec.rules.matches`).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from get_definitions import get_definitions

TARGET = Path(__file__).parent.parent / "src/ks_universal/model/kubernetes/others.json"
VERSION = "v1"
SCALARS = {"string": "text", "boolean": "bool", "number": "number"}

Schema = dict[str, Any]
Table = dict[str, dict[str, str]]


def read_spec(file: Path) -> tuple[str, Schema]:
    """Read the name of a kind's `spec` and its schema from a CustomResourceDefinition."""
    definition = yaml.safe_load(file.read_text())["spec"]
    (schema,) = (v["schema"]["openAPIV3Schema"] for v in definition["versions"] if v["name"] == VERSION)
    return f"{definition['names']['kind']}Spec", schema["properties"]["spec"]


def type_of(schema: Schema, path: str, table: Table) -> str:
    """Say what a field takes; adds what it nests to the table."""
    if schema.get("x-kubernetes-int-or-string"):
        return "int-or-text"
    if schema.get("x-kubernetes-preserve-unknown-fields") or "type" not in schema:
        return "any"
    if schema["type"] == "array":
        return "[]" + type_of(schema["items"], path, table)
    if isinstance(schema.get("additionalProperties"), dict):
        return "{}" + type_of(schema["additionalProperties"], path, table)
    if schema["type"] == "object":
        table[path] = dict(fields_of(schema, path, table))
        return path
    return SCALARS[schema["type"]] if schema["type"] != "integer" else schema.get("format", "int64")


def fields_of(schema: Schema, path: str, table: Table) -> Iterator[tuple[str, str]]:
    """Give the fields of an object with their types, required ones marked unless they have a default."""
    required = set(schema.get("required", ()))
    for field, inner in sorted(schema.get("properties", {}).items()):
        must = "!" if field in required and "default" not in inner else ""
        yield field, type_of(inner, f"{path}.{field}", table) + must


def build_table() -> Table:
    """Collect the fields of all kinds."""
    table: Table = {}
    for file in get_definitions():
        name, schema = read_spec(file)
        type_of(schema, name, table)
    return dict(sorted(table.items()))


def format_table(table: Table) -> str:
    """Write the table with one definition a line, so that upgrades read well as a diff."""
    lines = [f"{json.dumps(name)}: {json.dumps(fields, separators=(',', ':'))}" for name, fields in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(format_table(build_table()))
