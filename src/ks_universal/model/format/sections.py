"""Other sections: configs, secretRefs, services, claims, generic, policies, quotas (5, 8, 12, 13, 23, 29)."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from ks_universal.json_types import Json
from ks_universal.model.format.authenticators import Authenticator
from ks_universal.model.format.ingresses import IngressesGeneral
from ks_universal.model.format.routes import RoutesGeneral
from ks_universal.model.format.types import Format, Inline, Kubernetes, Labels, Text
from ks_universal.model.format.workloads import MonitorsGeneral


class ConfigType(StrEnum):
    """What a config becomes."""

    CONFIG_MAP = "configMap"
    SECRET = "secret"  # noqa: S105 - a kind, not a password


class Config(Format, frozen=True, kw_only=True):
    """A ConfigMap or Secret; `data` is plain text also for secrets (base64 is written by us).

    `binary_data` is base64 as written; `string_data` is more plain text, for those who know it from Secrets.
    """

    name: str | None = None
    """The object's, where a ConfigMap and a Secret share it; else the key is."""
    type: ConfigType = ConfigType.CONFIG_MAP
    external: bool = False
    """Made by others: nothing is rendered."""
    keys: tuple[str, ...] | None = None
    """Those of an external one; None: not known."""
    secret_type: str = "Opaque"  # noqa: S105 - a kind, not a password
    data: dict[str, Text] = {}
    string_data: dict[str, Text] = {}
    binary_data: dict[str, str] = {}
    immutable: bool | None = None
    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}


CONFIG_KINDS = {ConfigType.CONFIG_MAP: "ConfigMap", ConfigType.SECRET: "Secret"}


def find_config(configs: dict[str, Config], kind: str, name: str) -> tuple[str, Config] | None:
    """Find the config that is the object of a kind and name, with its key."""
    config = configs.get(name)
    if config is not None and config.name in (None, name) and CONFIG_KINDS[config.type] == kind:
        return name, config
    named = ((key, each) for key, each in configs.items() if each.name == name and CONFIG_KINDS[each.type] == kind)
    return next(named, None)


def list_known_keys(config: Config) -> list[str] | None:
    """List the keys that the ConfigMap or Secret will have; None where others make it and do not say."""
    return None if config.external and config.keys is None else list(each_key(config))


def each_key(config: Config) -> Iterator[str]:
    """Walk the keys that are said of the ConfigMap or Secret."""
    yield from config.keys or ()
    yield from config.data
    yield from config.string_data
    yield from config.binary_data


class SecretRef(Format, frozen=True, kw_only=True):
    """One variable of a group of `secretRefs`."""

    name: str
    secret_key_ref: Annotated[Json, Kubernetes("SecretKeySelector")] | None = None
    value: Text | None = None
    value_from: Annotated[Json, Kubernetes("EnvVarSource")] | None = None


class ServicePort(Format, frozen=True, kw_only=True):
    """A port of a standalone Service; `target_port` (a number's text or a port name) defaults to `port`."""

    port: int
    name: str | None = None
    target_port: str | None = None
    node_port: int | None = None
    protocol: str = "TCP"
    kubernetes: Annotated[Json, Inline("ServicePort")] = {}


class Service(Format, frozen=True, kw_only=True):
    """A standalone Service; without `selector` it selects the workload of its own name."""

    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] | None = None
    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("ServiceSpec")] = {}


class GenericPlacement(Format, frozen=True, kw_only=True):
    """`generic.deploymentsGeneral`: where authenticators run that say nothing themselves; unrelated to deployments."""

    node_selector: dict[str, str] = {}
    tolerations: tuple[Annotated[Json, Kubernetes("Toleration")], ...] = ()


class Generic(Format, frozen=True, kw_only=True):
    """What every object shares, and what all objects of a kind do."""

    labels: Labels = {}
    annotations: Labels = {}
    service_account_name: str | None = None
    extra_image_pull_secrets: tuple[Annotated[Json, Kubernetes("LocalObjectReference")], ...] | None = None
    ingresses_general: IngressesGeneral = IngressesGeneral()
    http_routes_general: RoutesGeneral = RoutesGeneral()
    service_monitor_general: MonitorsGeneral = MonitorsGeneral()
    dex_authenticator_general: Authenticator | None = None
    deployments_general: GenericPlacement = GenericPlacement()


class NetworkPolicy(Format, frozen=True, kw_only=True):
    """Who may talk to pods; without `podSelector` to those of the deployment of its own name."""

    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("NetworkPolicySpec")] = {}


class Quota(Format, frozen=True, kw_only=True):
    """What all pods of the namespace may use together."""

    namespace: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("ResourceQuotaSpec")] = {}
