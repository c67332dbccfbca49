"""Containers: section 7 of the reference, and every other field of a Kubernetes Container under its own name."""

from typing import Annotated

from ks_universal.json_types import Json
from ks_universal.model.format.types import Format, Inline, Kubernetes, Text


class EnvVar(Format, frozen=True, kw_only=True):
    """One entry of `env`: `value` wins over `value_from`; neither means empty text."""

    name: str
    value: Text | None = None
    value_from: Annotated[Json, Kubernetes("EnvVarSource")] | None = None
    secret_key_ref: Annotated[Json, Kubernetes("SecretKeySelector")] | None = None


class EnvFrom(Format, frozen=True, kw_only=True):
    """One entry of `envFrom`: ours (`type`, `configName`) or Kubernetes' (`secretRef`, `configMapRef`)."""

    type: str | None = None
    config_name: str | None = None
    optional: bool | None = None
    kubernetes: Annotated[Json, Inline("EnvFromSource")] = {}


class Port(Format, frozen=True, kw_only=True):
    """A named container port; `service_port` is the port of the auto-created Service (default: the container port).

    `app_protocol` only concerns that Service.
    """

    container_port: int
    protocol: str = "TCP"
    service_port: int | None = None
    app_protocol: str | None = None
    kubernetes: Annotated[Json, Inline("ContainerPort")] = {}


class Probes(Format, frozen=True, kw_only=True):
    """The three probes of a container."""

    liveness_probe: Annotated[Json, Kubernetes("Probe")] | None = None
    readiness_probe: Annotated[Json, Kubernetes("Probe")] | None = None
    startup_probe: Annotated[Json, Kubernetes("Probe")] | None = None


class Container(Format, frozen=True, kw_only=True):
    """A container; `name` is only written where containers are a list (init containers), else it is the map's key."""

    image: str
    image_tag: str | None = None
    name: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    ports: dict[str, Port] = {}
    env: tuple[EnvVar, ...] = ()
    secret_refs: tuple[str, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    volume_mounts: tuple[Annotated[Json, Kubernetes("VolumeMount")], ...] = ()
    resources: Annotated[Json, Kubernetes("ResourceRequirements")] | None = None
    security_context: Annotated[Json, Kubernetes("SecurityContext")] | None = None
    lifecycle: Annotated[Json, Kubernetes("Lifecycle")] | None = None
    probes: Probes = Probes()
    kubernetes: Annotated[Json, Inline("Container")] = {}
