"""`deployments.NAME.migrations`: section 9 of the reference, the guide, and section 4 of the design."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.access import Rbac
from ks_universal.model.format.containers import Container, EnvFrom, EnvVar
from ks_universal.model.format.types import ChangedLabels, Format, Kubernetes

DEFAULT_BACKOFF_LIMIT = 1
_ADDED = ("env_from", "volumes", "volume_mounts")
_MERGED = ("labels", "annotations")


class Phase(StrEnum):
    """When a migration runs: before the new version, or after it is ready and the last old pod is gone."""

    PRE = "pre"
    POST = "post"


class When(StrEnum):
    """What makes migrations that have succeeded run again: any change of what they run with, another image, nothing."""

    CHANGED = "changed"
    IMAGE = "image"
    ALWAYS = "always"


class Retry(StrEnum):
    """Which failures are tried again: all, or only those that may pass without anybody's doing."""

    ALL = "all"
    PASSING = "passing"


class Inherit(StrEnum):
    """What a migration takes of its application and the container that it reuses, by the keys there.

    `env` are all of its variables, `volumes` the mounts. ALL is all but the init containers.
    """

    ALL = "all"
    NONE = "none"
    AFFINITY = "affinity"
    ANNOTATIONS = "annotations"
    ENV = "env"
    INIT_CONTAINERS = "initContainers"
    LABELS = "labels"
    NODE_SELECTOR = "nodeSelector"
    RESOURCES = "resources"
    SECURITY_CONTEXT = "securityContext"
    SERVICE_ACCOUNT = "serviceAccount"
    TOLERATIONS = "tolerations"
    VOLUMES = "volumes"


class FailOn(StrEnum):
    """The codes of a rehearsal's verdicts, and their severities."""

    BLOCKS_READS = "blocks-reads"
    BLOCKS_WRITES = "blocks-writes"
    EXCLUSIVE_WITHOUT_LOCK_TIMEOUT = "exclusive-without-lock-timeout"
    HOLDS_LOCK = "holds-lock"
    REWRITES_TABLE = "rewrites-table"
    SCANS_TABLE = "scans-table"
    LOCKS_ROWS = "locks-rows"
    WRITES_MUCH_WAL = "writes-much-wal"
    LOSES_DATA = "loses-data"
    FAILS = "fails"
    FAILS_ON_DATA = "fails-on-data"
    NOT_REPEATABLE = "not-repeatable"
    UNSAFE_CONCURRENT = "unsafe-concurrent"
    NOT_RESUMABLE = "not-resumable"
    ROLLBACK_MISSING = "rollback-missing"
    ROLLBACK_INEXACT = "rollback-inexact"
    LEFTOVERS = "leftovers"
    BLOCKS_ITSELF = "blocks-itself"
    BREAKS_OLD_VERSION = "breaks-old-version"
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class RehearsalPolicy(Format, frozen=True, kw_only=True):
    """What a rehearsal must say before migrations may run on a cluster."""

    fail_on: tuple[FailOn, ...] = ()
    require_rehearsal: bool = False


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


class Sidecar(Container, frozen=True, kw_only=True):
    """What runs beside a migration: a container of the application, by nothing but its name, or one of its own."""

    image: str = ""


class MigrationSettings(Format, frozen=True, kw_only=True):
    """What may be said of a migration as a whole and again, stronger, of each step. None: not said at this place."""

    args: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    inherit: Inherit | tuple[Inherit, ...] | None = None
    image: str | None = None
    image_tag: str | None = None
    container: str | None = None
    sidecars: tuple[Sidecar, ...] | None = None
    backoff_limit: int | None = None
    retry: Retry | None = None
    timeout: str | None = None
    """A duration: `300` (seconds), `90s`, `10m`, `1h30m`."""
    active_deadline_seconds: int | None = None
    parallelism: int | None = None
    completions: int | None = None
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    init_containers: tuple[Container, ...] | None = None
    resources: Annotated[Json, Kubernetes("ResourceRequirements")] | None = None
    security_context: Annotated[Json, Kubernetes("AnySecurityContext")] | None = None
    """The container's; a key that only a PodSecurityContext knows (`fsGroup`) goes to the pod."""
    lifecycle: Annotated[Json, Kubernetes("Lifecycle")] | None = None
    """The migration's own: a `preStop` runs before it is stopped, and can end its database session."""
    service_account: str | None = None
    rbac: Rbac | None = None
    volumes: tuple[Annotated[Json, Kubernetes("Volume")], ...] = ()
    volume_mounts: tuple[Annotated[Json, Kubernetes("VolumeMountOrNone")], ...] = ()
    """One without a `name` takes that at its path away."""
    depends_on: tuple[str, ...] | None = None
    phase: Phase | None = None
    rollback: Rollback | None = None
    fatal_exit_codes: tuple[int, ...] | None = None
    labels: ChangedLabels = {}
    annotations: ChangedLabels = {}
    network_policy: Annotated[Json, Kubernetes("NetworkPolicySpec")] | None = None
    """The spec of a NetworkPolicy for the migration's pods; its `podSelector` is filled in."""


class Step(MigrationSettings, frozen=True, kw_only=True):
    """One step; out of `effective_steps` with everything inherited. `name` None: the single unnamed step."""

    name: str | None = None


class Migrations(MigrationSettings, frozen=True, kw_only=True, dict=True):
    """The migrations of a deployment: on when `enabled`; without `steps` one unnamed step."""

    enabled: bool = False
    when: When = When.CHANGED
    policy: RehearsalPolicy | None = None
    steps: tuple[Step, ...] = ()

    @cached_property
    def effective_steps(self) -> tuple[Step, ...]:
        """The steps in run order with all that they inherit from the migrations; () when they are off.

        A step's own setting overrides: `env` by name; `labels` and `annotations` by key; `env_from`, `volumes` and
        `volume_mounts` add up; anything else is taken whole. A `rollback` of the migrations undoes them as a whole: it
        goes to the first step, which is undone last.
        """
        if not self.enabled:
            return ()
        general = _settings(self)
        if not self.steps:
            return (Step(rollback=self.rollback, **general),)
        steps = [_inherit(general, step) for step in self.steps]
        if steps[0].rollback is None:
            steps[0] = msgspec.structs.replace(steps[0], rollback=self.rollback)
        return tuple(steps)


_INHERITED = tuple(name for name in MigrationSettings.__struct_fields__ if name != "rollback")


def _settings(migrations: Migrations) -> dict[str, Any]:
    settings = {name: getattr(migrations, name) for name in _INHERITED}
    if settings["backoff_limit"] is None:
        settings["backoff_limit"] = DEFAULT_BACKOFF_LIMIT
    return settings


def _inherit(general: dict[str, Any], step: Step) -> Step:
    own = {name: value for name in general if (value := getattr(step, name)) is not None}
    merged = {**general, **own}
    if step.image is not None:
        # A tag belongs to the image beside it.
        merged["image_tag"] = step.image_tag
    for name in _ADDED:
        merged[name] = general[name] + own[name]
    for name in _MERGED:
        merged[name] = general[name] | own[name]
    merged["env"] = merge_env(general["env"], step.env)
    return Step(name=step.name, rollback=step.rollback, **merged)


def is_inherited(step: MigrationSettings, what: Inherit) -> bool:
    """Tell whether a migration takes something of its application."""
    said = step.inherit or Inherit.ALL
    chosen = (said,) if isinstance(said, Inherit) else said
    return what in chosen or (Inherit.ALL in chosen and what is not Inherit.INIT_CONTAINERS)


def list_removed(step: MigrationSettings) -> frozenset[str]:
    """List the variables that a migration does not have: their entries say nothing but the name."""
    said = (EnvVar(name=variable.name) == variable for variable in step.env)
    return frozenset(variable.name for variable, is_bare in zip(step.env, said, strict=True) if is_bare)


def merge_env(general: tuple[EnvVar, ...], own: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
    """Lay variables on others: one of the same name takes its place, new ones follow."""
    return tuple({variable.name: variable for variable in (*general, *own)}.values())
