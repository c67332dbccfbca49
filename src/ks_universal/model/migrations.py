"""`deployments.NAME.migrations`: section 9 of the reference, the guide, and section 4 of the design."""

from enum import StrEnum
from typing import Annotated

from ks_universal.model.containers import Container, EnvFrom, EnvVar
from ks_universal.model.types import Format, Json, Kubernetes, Labels


class Phase(StrEnum):
    """When a migration runs: before the new version, or after it is ready and the last old pod is gone."""

    PRE = "pre"
    POST = "post"


class UndoStep(Format, frozen=True, kw_only=True):
    """One step of a `rollback` that is written as steps."""

    name: str
    args: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None


class Rollback(Format, frozen=True, kw_only=True):
    """What undoes a migration: `args` (and `command`), or several `steps`."""

    args: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    steps: tuple[UndoStep, ...] = ()


class MigrationSettings(Format, frozen=True, kw_only=True):
    """What may be said of a migration as a whole and again, stronger, of each step. None: not said at this place."""

    args: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    image: str | None = None
    image_tag: str | None = None
    container: str | None = None
    sidecars: tuple[str, ...] | None = None
    backoff_limit: int | None = None
    timeout: str | None = None
    """A duration: `300` (seconds), `90s`, `10m`, `1h30m`."""
    active_deadline_seconds: int | None = None
    parallelism: int | None = None
    completions: int | None = None
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    init_containers: tuple[Container, ...] | None = None
    resources: Annotated[Json, Kubernetes("ResourceRequirements")] | None = None
    security_context: Annotated[Json, Kubernetes("SecurityContext")] | None = None
    """The container's; a key that only a PodSecurityContext knows (`fsGroup`) goes to the pod."""
    service_account: str | None = None
    volumes: tuple[Annotated[Json, Kubernetes("Volume")], ...] = ()
    volume_mounts: tuple[Annotated[Json, Kubernetes("VolumeMount")], ...] = ()
    depends_on: tuple[str, ...] | None = None
    phase: Phase | None = None
    rollback: Rollback | None = None
    fatal_exit_codes: tuple[int, ...] | None = None
    labels: Labels = {}
    annotations: Labels = {}
    network_policy: Annotated[Json, Kubernetes("NetworkPolicySpec")] | None = None
    """The spec of a NetworkPolicy for the migration's pods; its `podSelector` is filled in."""


class Step(MigrationSettings, frozen=True, kw_only=True):
    """One step; after `merge_step` with everything inherited. `name` None: the single unnamed step."""

    name: str | None = None


class Migrations(MigrationSettings, frozen=True, kw_only=True):
    """The migrations of a deployment: on when `enabled`; without `steps` one unnamed step."""

    enabled: bool = False
    steps: tuple[Step, ...] = ()
