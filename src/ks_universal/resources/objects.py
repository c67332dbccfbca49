"""What building yields: objects with what the plan must know of them."""

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase, RehearsalPolicy, Retry, When
from ks_universal.model.format.workloads import WORKLOAD_SECTIONS, JobWhen
from ks_universal.model.kubernetes.kind_names import qualify_kind

APP_SECTIONS = {struct.kind: section for section, struct in WORKLOAD_SECTIONS.items()}
"""The kinds of what serves, and is rolled out as the workload of an application, with their sections in the values."""
WORKLOAD_KINDS = frozenset(("CronJob", "Job", *APP_SECTIONS))
"""The kinds of objects that make pods."""


class ObjectRef(msgspec.Struct, frozen=True, order=True):
    """What makes two objects the same one. `namespace` is empty for what is not in one.

    `kind` has the group in it where it is one of another project, as kubectl writes it: see `qualify_kind`.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def object_ref(body: Json) -> ObjectRef:
    """Read the identity off an object."""
    metadata = body["metadata"]
    kind = qualify_kind(body["apiVersion"], body["kind"]) if "apiVersion" in body else body["kind"]
    return ObjectRef(kind, metadata.get("namespace", ""), metadata["name"])


def annotate(body: Json, annotations: dict[str, str]) -> Json:
    """Copy an object with annotations added; they win over those that it has."""
    metadata = body["metadata"]
    return {**body, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **annotations}}}


def rename(body: Json, name: str) -> Json:
    """Copy an object under another name."""
    return {**body, "metadata": {**body["metadata"], "name": name}}


class OneOff(msgspec.Struct, frozen=True):
    """In which deploys a Job of the values runs, and whether a deploy waits for its end."""

    when: JobWhen = JobWhen.CHANGED
    wait: bool = False


class Resource(msgspec.Struct, frozen=True):
    """An object and the application (the name of a workload) that it was made for; None: shared.

    On the workload itself, `depends_on` and `wait_for_migrations` are what the values say that its rollout waits for;
    see `model.precedence.Waits`. `one_off` is for a Job of the values. `is_extra`: it is one of `extraObjects`.
    """

    body: Json
    application: str | None = None
    depends_on: tuple[str, ...] = ()
    wait_for_migrations: bool | tuple[str, ...] | None = None
    one_off: OneOff | None = None
    is_extra: bool = False

    @property
    def is_rolled_out(self) -> bool:
        """Whether it is an application's workload, which is rolled out; anything else is applied."""
        return self.application is not None and self.body["kind"] in APP_SECTIONS

    def __repr__(self) -> str:
        """Show the identity only: the body may hold a Secret's values."""
        return f"Resource({object_ref(self.body)}, application={self.application!r})"


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One migration step of an application.

    `body` is the Job; `undo` the Jobs that undo it, in the order to run. `retries` is how often it is tried again after
    the first attempt, `timeout_s` what a run of all attempts may take, `depends_on` applications that must be ready.
    `own` is what the values say of the migration, and not of its application, where the Job has both: `labels`,
    `annotations`, `resources` (by container); and its `networkPolicy`.
    """

    application: str
    step: str | None
    phase: Phase
    body: Json
    retries: int
    timeout_s: float | None = None
    fatal_exit_codes: tuple[int, ...] = ()
    retry: Retry = Retry.ALL
    depends_on: tuple[str, ...] = ()
    undo: tuple[Json, ...] = ()
    when: When = When.CHANGED
    own: Json = {}


class Rendered(msgspec.Struct, frozen=True):
    """Everything a release is made of: `objects` in apply order, unique by identity; `migrations` in run order."""

    release: str
    namespace: str
    objects: tuple[Resource, ...]
    migrations: tuple[Migration, ...]
    timeless: "Rendered | None" = None
    """The same at a time that is always the same, where expressions read it: tells what else has changed."""
    policies: dict[str, RehearsalPolicy] = {}
    """What a rehearsal must say of migrations before they run, by application."""

    @property
    def workloads(self) -> dict[str, Resource]:
        """What is rolled out, by application."""
        return {r.application: r for r in self.objects if r.application is not None and r.is_rolled_out}

    @property
    def bodies(self) -> tuple[Json, ...]:
        """The bodies of all objects, and those of the Jobs of the migrations."""
        return (*(each.body for each in self.objects), *(each.body for each in self.migrations))


def find_template(body: Json) -> tuple[str, ...]:
    """Give the path of a workload's pod template."""
    return ("spec", "jobTemplate", "spec", "template") if body["kind"] == "CronJob" else ("spec", "template")


def read_template(body: Json) -> Json:
    """Read a workload's pod template: `spec`, and `metadata` where it has any."""
    part: Json = body
    for key in find_template(body):
        part = part[key]
    return part
