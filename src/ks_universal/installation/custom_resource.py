"""The kind `Release`: what the API server takes, keeps and shows of it."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import GROUP
from ks_universal.model.reference.structural import build_structural_schema
from ks_universal.plan.selection import MigratePolicy

VERSION = "v1alpha1"
KIND = "Release"
PLURAL = "releases"

_OPEN: Json = {"x-kubernetes-preserve-unknown-fields": True}
_READY = '.status.conditions[?(@.type=="Ready")]'
_DURATION: Json = {
    "type": "string",
    "maxLength": 20,
    "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s?)?$",
    "minLength": 1,
}
_NAME: Json = {"type": "string", "maxLength": 253, "pattern": "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"}
# The name of a release is part of those of its objects: as the command line takes it.
_NAME_RULES: list[Json] = [
    {
        "rule": "self.metadata.name.size() <= 53",
        "message": "the name of a release has at most 53 characters",
    },
    {
        "rule": "!self.metadata.name.contains('.')",
        "message": "the name of a release is of lower-case letters, digits and '-'",
    },
]


def build_custom_resource() -> Json:
    """Build the CustomResourceDefinition of `Release`, small enough for `kubectl apply` (its copy may have 256 KiB)."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}", "labels": {"app.kubernetes.io/name": "ks-universal"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": "release"},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": list(_build_columns()),
                    "schema": {"openAPIV3Schema": _build_schema()},
                }
            ],
        },
    }


def _build_columns() -> tuple[Json, ...]:
    """Build what `kubectl get releases` shows; what has a priority only with `-o wide`."""
    usual = (
        ("Ready", "string", f"{_READY}.status"),
        ("Status", "string", f"{_READY}.reason"),
        ("Suspended", "boolean", ".spec.suspend"),
        ("Revision", "integer", ".status.revision"),
        ("Step", "string", ".status.step"),
        ("Images", "string", ".status.images"),
        ("Age", "date", ".metadata.creationTimestamp"),
    )
    wide = (
        ("Account", "string", ".spec.serviceAccountName"),
        ("Message", "string", f"{_READY}.message"),
    )
    return (
        *({"name": name, "type": kind, "jsonPath": path} for name, kind, path in usual),
        *({"name": name, "type": kind, "jsonPath": path, "priority": 1} for name, kind, path in wide),
    )


def _build_schema() -> Json:
    head = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {
        "description": "A release: applications whose migrations succeed before they are rolled out.",
        "type": "object",
        "required": ["spec"],
        "properties": {**head, "spec": _build_spec(), "status": _build_status()},
        "x-kubernetes-validations": _NAME_RULES,
    }


def _build_spec() -> Json:
    values = {"description": "What to deploy, as in a values file: wins over what valuesFrom gives."}
    properties = {
        "values": {**values, **build_structural_schema()},
        "valuesFrom": _describe(
            "Objects of this namespace that hold values; of two, the later one wins.",
            {"type": "array", "items": _build_source()},
        ),
        "serviceAccountName": _describe(
            "The ServiceAccount of this namespace by whose rights all is done; without it the controller's default.",
            _NAME,
        ),
        "suspend": _describe(
            "Changes nothing while it is true; a run that has begun is finished.", {"type": "boolean"}
        ),
        "timeout": _describe("When to stop a run that has not ended: 300 (seconds), 90s, 10m, 1h30m.", _DURATION),
        "migrate": _choose("Whether migrations run: auto where something that they run with changed.", MigratePolicy),
        "onChange": _choose(
            "What becomes of a run when the spec changes meanwhile: it is waited for, or stopped.", ("wait", "stop")
        ),
        "drift": {
            "description": "What is done about objects that somebody else has changed.",
            "type": "object",
            "properties": {
                "mode": _choose("Say it in the status, bring it back, or don't look.", ("report", "repair", "ignore"))
            },
        },
        "interval": _describe(
            "How often is looked for drift, and for changes of valuesFrom: 10m without it.", _DURATION
        ),
        "deleteData": _describe(
            "Whether deleting the release deletes its PersistentVolumeClaims, too: not without it.", {"type": "boolean"}
        ),
    }
    return {"type": "object", "properties": properties}


def _build_source() -> Json:
    properties = {
        "kind": {"type": "string", "enum": ["ConfigMap", "Secret"]},
        "name": _NAME,
        "key": _describe("The entry that holds the values: values.yaml without it.", {"type": "string"}),
        "optional": _describe("Whether the object, or the entry, may be missing.", {"type": "boolean"}),
    }
    return {"type": "object", "required": ["kind", "name"], "properties": properties}


def _build_status() -> Json:
    text: Json = {"type": "string"}
    number: Json = {"type": "integer", "format": "int64"}
    condition = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            **dict.fromkeys(("type", "status", "reason", "message"), text),
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": number,
        },
    }
    properties = {
        "observedGeneration": _describe("The generation of the spec that the rest of the status is about.", number),
        "conditions": {
            "type": "array",
            "items": condition,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
        "revision": _describe("The number of the last run in the record.", number),
        "step": _describe("The step that runs.", text),
        "failure": {
            "description": "The first failure of the last run, with its cause.",
            "type": "object",
            "properties": dict.fromkeys(("step", "code", "message", "hint"), text),
            **_OPEN,
        },
        "images": {"description": "The images that are rolled out.", "type": "array", "items": text},
    }
    return {"type": "object", "properties": properties, **_OPEN}


def _choose(description: str, choices: tuple[str, ...] | type[MigratePolicy]) -> Json:
    return _describe(description, {"type": "string", "enum": [str(choice) for choice in choices]})


def _describe(description: str, schema: Json) -> Json:
    return {"description": description, **schema}
