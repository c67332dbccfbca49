"""Write which fields Kubernetes knows, from its OpenAPI schemas: two files in `src/ks_universal/model/`.

`kubernetes.json` has the fields of one version with their types, `versions.json` which of them came with which later
version than the first that `kubernetes-validate` has. Run it after an upgrade of that; a test compares the files with
what this writes. The notation of the types is described in `ks_universal.model.kubernetes.fields`.
"""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate

VERSION = "v1.36.0"
VERSIONS = [f"v1.{minor}.0" for minor in range(25, 38)]
TARGET = Path(__file__).parent.parent / "src/ks_universal/model/kubernetes/kubernetes.json"
VERSIONS_TARGET = TARGET.with_name("versions.json")
ROOTS = (
    "core.v1.PodSpec",
    "core.v1.PersistentVolumeClaimSpec",
    "core.v1.ResourceQuotaSpec",
    "core.v1.ServiceSpec",
    "apps.v1.DaemonSetSpec",
    "apps.v1.DeploymentSpec",
    "apps.v1.StatefulSetSpec",
    "autoscaling.v2.HorizontalPodAutoscalerSpec",
    "batch.v1.CronJobSpec",
    "batch.v1.JobSpec",
    "networking.v1.IngressSpec",
    "networking.v1.NetworkPolicySpec",
    "policy.v1.PodDisruptionBudgetSpec",
    "rbac.v1.AggregationRule",
    "rbac.v1.PolicyRule",
    "rbac.v1.Subject",
)
SCALARS = {"string": "text", "boolean": "bool", "number": "number", "object": "any"}
NAMED = {"Quantity": "quantity", "IntOrString": "int-or-text", "JSON": "any", "FieldsV1": "any"}

Schema = dict[str, Any]
Table = dict[str, dict[str, str]]


def read_definitions(version: str = VERSION) -> dict[str, Schema]:
    """Read all definitions of a Kubernetes version, by their full name."""
    directory = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"{version}-local-strict"
    definitions: dict[str, Schema] = json.loads((directory / "_definitions.json").read_text())["$defs"]
    return definitions


def type_of(schema: Schema) -> tuple[str, list[str]]:
    """Say what a field takes, and which definitions that mentions (full names)."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        short = name.rpartition(".")[2]
        return (NAMED[short], []) if short in NAMED else (short, [name])
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    kind = next(k for k in kinds if k != "null")
    if kind == "integer":
        return schema.get("format", "int64"), []
    for key, prefix in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            inner, mentioned = type_of(schema[key])
            return prefix + inner, mentioned
    return SCALARS[kind], []


def fields_of(schema: Schema) -> tuple[dict[str, str], list[str]]:
    """Give the fields of a definition with their types, required ones marked, and the definitions they mention."""
    fields, mentioned = {}, []
    for field, inner in sorted(schema["properties"].items()):
        kind, more = type_of(inner)
        fields[field] = kind + ("!" if field in schema.get("required", ()) else "")
        mentioned += more
    return fields, mentioned


def build_table(definitions: dict[str, Schema]) -> Table:
    """Collect everything that the roots reach, by short name; a definition without fields is a plain type."""
    table: Table = {}
    sources: dict[str, str] = {}
    waiting = [f"io.k8s.api.{root}" for root in ROOTS]
    while waiting:
        name = waiting.pop()
        short = name.rpartition(".")[2]
        if sources.setdefault(short, name) != name:
            raise ValueError(f"{name} and {sources[short]} have the same short name")
        if short in table:
            continue
        if "properties" in definitions[name]:
            table[short], mentioned = fields_of(definitions[name])
        else:
            table[short], mentioned = {"": type_of(definitions[name])[0]}, []
        waiting += mentioned
    # Ours: what a migration says for its container and its pod in one.
    table["VolumeMountOrNone"] = {**table["VolumeMount"], "name": "text"}
    table["AnySecurityContext"] = {**table["PodSecurityContext"], **table["SecurityContext"]}
    return dict(sorted(table.items()))


def format_table(table: Table) -> str:
    """Write the table with one definition a line, so that upgrades read well as a diff."""
    lines = [f"{json.dumps(name)}: {json.dumps(fields, separators=(',', ':'))}" for name, fields in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def build_versions() -> dict[str, Any]:
    """Say for each field of the table that the first version does not know which one brought it; `1.30` for v1.30.0."""
    table = build_table(read_definitions())
    tables = {version[1:-2]: build_table(read_definitions(version)) for version in VERSIONS}
    names = {version: find_names(table, older) for version, older in tables.items()}
    versions = list(tables)
    since: dict[str, str] = {}
    for name, fields in table.items():
        for field in fields:
            first = next((v for v in versions if field in tables[v].get(names[v].get(name, name), {})), "")
            if first != versions[0]:
                since[f"{name}.{field}"] = first
    return {"versions": versions, "since": since}


def find_names(table: Table, older: Table) -> dict[str, str]:
    """Find what the definitions of the table are called in an older one: what the same field took then."""
    names = {root.rpartition(".")[2]: root.rpartition(".")[2] for root in ROOTS}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        before = older.get(names[name], {})
        for field, kind in table[name].items():
            now, then = (fields.strip("[]{}!") for fields in (kind, before.get(field, "")))
            if now in table and now not in names and then in older:
                names[now] = then
                waiting.append(now)
    return names


def format_versions(versions: dict[str, Any]) -> str:
    """Write the versions with one field a line."""
    return json.dumps(versions, indent=1) + "\n"


if __name__ == "__main__":
    VERSIONS_TARGET.write_text(format_versions(build_versions()))
    TARGET.write_text(format_table(build_table(read_definitions())))
