"""Objects whose controllers make Secrets and ConfigMaps: which ones, and what has to be there for that.

It is known by kind for the usual projects; any other object says it itself, by the annotation MAKES.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from ks_universal.json_types import Json
from ks_universal.metadata_keys import MAKES
from ks_universal.model.kubernetes.kind_names import qualify_kind


class Stage(IntEnum):
    """When an extra object is due: definitions, then what makers and pods need, then makers, then migrations."""

    DEFINITION = 1
    SOURCE = 2
    MAKER = 3
    REST = 4


class _Made(NamedTuple):
    """What is made: its kind, and where its name is, the first that is written; `suffix` follows that."""

    kind: str
    paths: tuple[str, ...]
    suffix: str = ""


_NAME = "metadata.name"


def _secret(*paths: str, suffix: str = "") -> tuple[_Made, ...]:
    return (_Made("Secret", paths, suffix),)


_VAULT = _secret("spec.destination.name")
_MAKERS: dict[str, tuple[_Made, ...]] = {
    "ExternalSecret.external-secrets.io": _secret("spec.target.name", _NAME),
    "SealedSecret.bitnami.com": _secret("spec.template.metadata.name", _NAME),
    "Certificate": _secret("spec.secretName"),
    "SecretProviderClass.secrets-store.csi.x-k8s.io": _secret("spec.secretObjects[].secretName"),
    "VaultStaticSecret.secrets.hashicorp.com": _VAULT,
    "VaultDynamicSecret.secrets.hashicorp.com": _VAULT,
    "VaultPKISecret.secrets.hashicorp.com": _VAULT,
    "HCPVaultSecretsApp.secrets.hashicorp.com": _VAULT,
    "VaultSecret.ricoberger.de": _secret(_NAME),
    "AzureKeyVaultSecret.spv.no": _secret("spec.output.secret.name"),
    "InfisicalSecret.secrets.infisical.com": _secret("spec.managedSecretReference.secretName"),
    "OnePasswordItem.onepassword.com": _secret(_NAME),
    "DopplerSecret.secrets.doppler.com": _secret("spec.managedSecret.name"),
    "BitwardenSecret.k8s.bitwarden.com": _secret("spec.secretName"),
    "SopsSecret.isindir.github.com": _secret("spec.secretTemplates[].name"),
    "Bundle.trust.cert-manager.io": (_Made("ConfigMap", (_NAME,)),),
    "ObjectBucketClaim.objectbucket.io": (_Made("Secret", (_NAME,)), _Made("ConfigMap", (_NAME,))),
    "Cluster.postgresql.cnpg.io": _secret(_NAME, suffix="-app"),
    "RabbitmqCluster.rabbitmq.com": _secret(_NAME, suffix="-default-user"),
    "KafkaUser.kafka.strimzi.io": _secret(_NAME),
}
_MADE_BY_PODS = frozenset(("SecretProviderClass.secrets-store.csi.x-k8s.io",))
"""What these make comes with the first pod that mounts it: waiting before that cannot help."""
_SOURCES = frozenset(
    (
        "LimitRange",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ClusterIssuer",
        "Issuer",
        "ClusterSecretStore.external-secrets.io",
        "SecretStore.external-secrets.io",
        "HCPAuth.secrets.hashicorp.com",
        "VaultAuth.secrets.hashicorp.com",
        "VaultAuthGlobal.secrets.hashicorp.com",
        "VaultConnection.secrets.hashicorp.com",
    )
)
DEFINITION_KINDS = frozenset(("CustomResourceDefinition", "Namespace"))
"""What must be there before some other object can be; when it goes, they all do."""
_WRITTEN = re.compile(r"(Secret|ConfigMap)/([^\s,/]+)")


def list_made(body: Json) -> tuple[tuple[str, str], ...]:
    """List what an object's controller makes beside it, in its namespace: `(("Secret", "db"),)`."""
    written = read_annotation(body, MAKES)
    if written is not None:
        return tuple((kind, name) for kind, name in _WRITTEN.findall(written))
    made = _MAKERS.get(qualify_kind(body.get("apiVersion", ""), body["kind"]), ())
    return tuple((each.kind, name) for each in made for name in _find_names(each, body))


def is_made_by_pods(body: Json) -> bool:
    """Tell whether what an object makes comes with the first pod that mounts it, and not before."""
    return qualify_kind(body.get("apiVersion", ""), body["kind"]) in _MADE_BY_PODS


def find_stage(body: Json) -> Stage:
    """Find when an extra object is due."""
    kind = qualify_kind(body.get("apiVersion", ""), body["kind"])
    if kind in DEFINITION_KINDS:
        return Stage.DEFINITION
    if kind in _SOURCES:
        return Stage.SOURCE
    return Stage.MAKER if kind in _MAKERS or list_made(body) else Stage.REST


def is_list_of_made(written: str) -> bool:
    """Tell whether a text is what MAKES takes."""
    return all(_WRITTEN.fullmatch(part.strip()) for part in written.split(","))


def read_annotation(body: Json, name: str) -> str | None:
    """Read an annotation of a raw object, which may be anything."""
    metadata = body.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(name) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else None


def _find_names(made: _Made, body: Json) -> list[str]:
    for path in made.paths:
        if found := [f"{name}{made.suffix}" for name in _read(body, path.split(".")) if isinstance(name, str) and name]:
            return found
    return []


def _read(value: Any, path: list[str]) -> Iterator[Any]:
    """Read what is at a path, of every item where a part of it ends with `[]`."""
    if not path:
        yield value
        return
    inner = value.get(path[0].removesuffix("[]")) if isinstance(value, dict) else None
    items = inner if path[0].endswith("[]") and isinstance(inner, list) else [inner]
    for item in items:
        if item is not None:
            yield from _read(item, path[1:])
