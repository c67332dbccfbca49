"""Write `src/ks_universal/model/others.json`: which fields the kinds of other projects have, from their Go modules.

Run it (with a Go toolchain) to take up newer versions. The notation is that of `ks_universal.model.fields`; what a
field nests is a definition called by its path (`HTTPRouteSpec.rules.matches`).
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parent.parent / "src/ks_universal/model/others.json"
SOURCES = (
    (
        "sigs.k8s.io/gateway-api@v1.4.0",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        "v1",
        "HTTPRouteSpec",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        "v1",
        "ServiceMonitorSpec",
    ),
    (
        "github.com/cert-manager/cert-manager@v1.21.2",
        "deploy/crds/cert-manager.io_certificates.yaml",
        "v1",
        "CertificateSpec",
    ),
)
SCALARS = {"string": "text", "boolean": "bool", "number": "number"}
# Deckhouse publishes no Go module with it; from the reference of its module user-authn.
DEX_AUTHENTICATOR = {
    "DexAuthenticatorSpec": {
        "additionalApplications": "[]DexAuthenticatorSpec.additionalApplications",
        "allowedEmails": "[]text",
        "allowedGroups": "[]text",
        "applicationDomain": "text",
        "applicationIngressCertificateSecretName": "text",
        "applicationIngressClassName": "text",
        "highAvailability": "bool",
        "keepUsersLoggedInFor": "text",
        "nodeSelector": "{}text",
        "sendAuthorizationHeader": "bool",
        "signOutURL": "text",
        "tolerations": "[]Toleration",
        "whitelistSourceRanges": "[]text",
    },
    "DexAuthenticatorSpec.additionalApplications": {
        "domain": "text!",
        "ingressClassName": "text",
        "ingressSecretName": "text",
        "signOutURL": "text",
        "whitelistSourceRanges": "[]text",
    },
}

Schema = dict[str, Any]
Table = dict[str, dict[str, str]]


def download(module: str) -> Path:
    """Download a Go module, or find it where it was downloaded before."""
    answer = subprocess.run(["go", "mod", "download", "-json", module], check=True, capture_output=True)
    return Path(json.loads(answer.stdout)["Dir"])


def read_spec(file: Path, version: str) -> Schema:
    """Read the schema of `spec` of a version of a CustomResourceDefinition."""
    versions = yaml.safe_load(file.read_text())["spec"]["versions"]
    (schema,) = (v["schema"]["openAPIV3Schema"] for v in versions if v["name"] == version)
    spec: Schema = schema["properties"]["spec"]
    return spec


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
    table: Table = dict(DEX_AUTHENTICATOR)
    for module, file, version, name in SOURCES:
        type_of(read_spec(download(module) / file, version), name, table)
    return dict(sorted(table.items()))


def format_table(table: Table) -> str:
    """Write the table with one definition a line, so that upgrades read well as a diff."""
    lines = [f"{json.dumps(name)}: {json.dumps(fields, separators=(',', ':'))}" for name, fields in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(format_table(build_table()))
