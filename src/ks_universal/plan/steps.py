"""The plan's vocabulary: a Plan is a value that can be printed, compared, saved and run as it was shown."""

from typing import Any

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.rehearsals import RehearsalSummary
from ks_universal.resources.masking import mask_secrets
from ks_universal.resources.objects import Migration, ObjectRef


# Each tag is written out: a saved plan is compared by a digest of its steps, which stays when a class is renamed.
class _Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`id` is unique in a plan and shown to people; `needs` are ids of steps that must have succeeded before."""

    id: str
    needs: tuple[str, ...] = ()
    application: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Give the fields, the values of Secrets masked."""
        return [(name, _mask(name, getattr(self, name))) for name in self.__struct_fields__]


def _mask(field: str, value: Any) -> Any:
    if field == "body":
        return mask_secrets(value)
    return tuple(map(mask_secrets, value)) if field == "staged" else value


class Apply(_Step, frozen=True, kw_only=True, tag="Apply"):
    """Make the object exist as given; where it `awaits_ready`, its controller has to have done its work, too."""

    body: Json
    awaits_ready: bool = False


class RunJob(Apply, frozen=True, kw_only=True, tag="RunJob"):
    """Have a Job of the values run, by applying it, and wait for its end where `awaits_end`.

    With `again` the one that is there has failed, and another takes its place. `why` is one clause for people.
    """

    why: str
    again: bool = False
    awaits_end: bool = False


class Migrate(_Step, frozen=True, kw_only=True, tag="Migrate"):
    """Run a migration's Job to its end. `staged` are copies of configuration that the Job owns and reads.

    `digest` says what runs (Job and staged content): a running Job with the same digest is taken up, another is stopped
    first. `why` is one clause for people: `image changed`, `first deploy`. `undoes`: the revision whose migration it
    undoes; None: it migrates.
    """

    migration: Migration
    digest: str
    why: str
    undoes: int | None = None
    staged: tuple[Json, ...] = ()


class RollOut(_Step, frozen=True, kw_only=True, tag="RollOut"):
    """Apply a workload and wait until its new version serves: its pods are ready, the old ones are told to stop.

    `moving`: images that the live pods have, and that may have moved under their tag; see `plan.moving`.
    """

    body: Json
    moving: tuple[str, ...] = ()


class AwaitOldPods(_Step, frozen=True, kw_only=True, tag="AwaitOldPods"):
    """Wait until the last pod of the versions before is gone. `identity` is the workload, which is rolled out."""

    identity: ObjectRef


class Delete(_Step, frozen=True, kw_only=True, tag="Delete"):
    """Remove an object that left the values.

    `is_stop`: it is a Job that may run, and is to be stopped, whatever else speaks for keeping it.
    """

    identity: ObjectRef
    is_stop: bool = False


Step = Apply | RunJob | Migrate | RollOut | AwaitOldPods | Delete


class Skipped(msgspec.Struct, frozen=True):
    """A migration step that the plan does not run, and why."""

    application: str
    step: str | None
    phase: Phase
    why: str
    succeeded: bool = False
    """True: it succeeded already, in the interrupted run of this same revision or in a `migrate` of the same values."""


class SkippedJob(msgspec.Struct, frozen=True):
    """A Job of the values (the id of its step, were there one) that the plan does not run, and why."""

    id: str
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All steps in an order that respects `needs`. `digests` has the fingerprint of each application."""

    release: str
    namespace: str
    revision: int
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...] = ()
    skipped_jobs: tuple[SkippedJob, ...] = ()
    digests: dict[str, str] = {}
    objects: tuple[ObjectRef, ...] = ()
    """The identities of all objects of the release once the plan is done: the inventory."""
    warnings: tuple[Problem, ...] = ()
    """What the plan cannot promise for these values."""
    back_to: int | None = None
    """The revision that a rollback goes back to."""
    rehearsal: RehearsalSummary | None = None
    """What a rehearsal has said of its migrations."""
    only_migrates: bool = False
    """True: its versions are not rolled out (`ks-universal migrate`)."""
