"""What a target remembers of a release: the runs (revisions) and the objects that are live."""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase
from ks_universal.model.kubernetes.names import job_name
from ks_universal.plan.rehearsals import RehearsalSummary
from ks_universal.resources.objects import ObjectRef


class Outcome(StrEnum):
    """How a step or a run ended; RUNNING is also in the record of a run that was killed.

    PENDING is a step that has not begun. ABANDONED is what readers are told of a killed run; see `mark_abandoned`.
    """

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    MIGRATION_FAILED = "migration-failed"
    ROLLOUT_FAILED = "rollout-failed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    ABANDONED = "did-not-end"

    @property
    def exit_status(self) -> int:
        """The exit status of a command whose run ended so."""
        return _EXIT_STATUS.get(self, 1)


_EXIT_STATUS = {
    Outcome.SUCCEEDED: 0,
    Outcome.MIGRATION_FAILED: 3,
    Outcome.ROLLOUT_FAILED: 4,
    Outcome.INTERRUPTED: 130,
}


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a migration. `number` counts from 1; `exit_code` None: it did not end by itself (see `reason`).

    `duration_s` None: what migrates never started; `started` is when its pod was made then. A try that succeeded has
    warnings for `causes`, if any.
    `image_ids`: its images to the ids that they had, where the target knows them.
    """

    number: int
    started: datetime
    duration_s: float | None
    exit_code: int | None
    reason: str | None = None
    causes: tuple[Problem, ...] = ()
    log_tail: tuple[str, ...] = ()
    excerpt: tuple[str, ...] = ()
    """The line of the whole log that tells the first cause, with its neighbours."""
    sidecar_tails: dict[str, tuple[str, ...]] = {}
    """What sidecars that crashed said last, by their names."""
    image_ids: dict[str, str] = {}


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a migration step in a run. `id` is that of the plan, for people; `job` is the name of its Job."""

    id: str
    application: str
    step: str | None
    job: str = ""
    undoes: int | None = None
    """The revision whose migration (of this `application`, of this `step`) it undoes; None: it migrates."""
    phase: Phase
    digest: str
    image: str
    command: tuple[str, ...]
    outcome: Outcome
    attempts: tuple[Attempt, ...] = ()

    @property
    def has_begun(self) -> bool:
        """Whether it may have had an effect."""
        return self.outcome not in (Outcome.PENDING, Outcome.SKIPPED)

    @property
    def has_ended(self) -> bool:
        """Whether it has begun, and does not run any more."""
        return self.has_begun and self.outcome is not Outcome.RUNNING


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a Job of the values: the digest of what it runs, and the revision in whose run it was made.

    `outcome`: RUNNING, nobody has seen it end; SUCCEEDED or FAILED, at `ended`; PENDING, it has not been made. `ttl_s`:
    how long after its end the cluster removes it; None: never.
    """

    digest: str
    revision: int
    outcome: Outcome = Outcome.RUNNING
    ended: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    ttl_s: int | None = None


class JobState(msgspec.Struct, frozen=True, kw_only=True):
    """A Job of the values as a target sees it: what is recorded of it, and, where it `is_there`, what is so now.

    `waits_for` is what it waits for, in a clause; `problems` are what keeps it from its work, or why it failed.
    """

    identity: ObjectRef
    record: JobRecord
    is_there: bool = True
    waits_for: str = ""
    problems: tuple[Problem, ...] = ()


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A step (its id in the plan) that ended without success; `causes`, the one that tells most first."""

    step: str
    outcome: Outcome
    causes: tuple[Problem, ...]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a release. `digests`: application to the fingerprint with which all its migrations have succeeded.

    An application of which a run began nothing keeps that of the run before.
    """

    number: int
    format: int = 1
    """Which fields there are, and what they mean: see FORMAT. Records from before it was written are of format 1."""
    release: str
    namespace: str
    by: str
    started: datetime
    ended: datetime | None = None
    outcome: Outcome = Outcome.RUNNING
    steps: tuple[StepRecord, ...] = ()
    """The migration steps of the plan, and those of the run that it continues.

    A step is RUNNING from before its Job is made; in a killed run it stays so, and in those that continue it until
    they take it up or stop it.
    """
    planned: dict[str, str] = {}
    """Application to fingerprint, as the plan had them: tells whether a killed run was of the same values."""
    digests: dict[str, str] = {}
    objects: tuple[ObjectRef, ...] = ()
    """The inventory: what the release owns after this run (also what a failed run has already made).

    While it runs, and after a kill: all that it may have made.
    """
    runs: dict[str, int] = {}
    """Application to the number of the revision whose version runs."""
    failures: tuple[Failure, ...] = ()
    """The steps that failed, in the order in which they did."""
    jobs: dict[str, JobRecord | str] = {}
    """The Jobs of the values by `namespace/name`, also those that have left them: they have run.

    A text is what earlier versions of this program wrote: the digest.
    """
    jobs_not_run: tuple[ObjectRef, ...] = ()
    """Those that are new, and to which the run did not come."""
    back_to: int | None = None
    """The revision that a rollback goes back to; None: this is none."""
    request: str = ""
    """What the run was to carry out, as whoever asked for it names it: who is killed then finds out that it was."""
    images: dict[str, tuple[str, ...]] = {}
    """Application to the images of its containers in the run's values; earlier versions of this program wrote none."""
    rehearsal: RehearsalSummary | None = None
    """That of the plan that was carried out, shortened."""
    only_migrates: bool = False
    """True: a run of `ks-universal migrate`, after which nothing of its values serves: nothing to go back to."""


FORMAT = 4
"""Of the records that this version writes; it reads those of lower formats, too: see `upgrade`."""


def upgrade(revision: Revision) -> Revision:
    """Give a record as it was read with what an older version did not write: before format 4 ids told some of it."""
    if revision.format >= 4:
        return revision
    return msgspec.structs.replace(revision, steps=tuple(map(_read_id, revision.steps)))


def _read_id(record: StepRecord) -> StepRecord:
    """Read `my-app/undo/my-app-migrations-undo/2`; any other step migrates."""
    found = re.fullmatch(r"[^/]+/undo/([^/]+)/(\d+)", record.id)
    if found is None:
        return msgspec.structs.replace(record, job=job_name(record.application, record.step))
    return msgspec.structs.replace(record, job=found[1], undoes=int(found[2]))


class History(msgspec.Struct, frozen=True):
    """The record of a release: the runs that can be read, oldest first, and what could not be read."""

    revisions: tuple[Revision, ...] = ()
    problems: tuple[Problem, ...] = ()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is there: revisions, oldest first, and the live bodies of the objects that the release owns or is to own."""

    revisions: tuple[Revision, ...] = ()
    objects: dict[ObjectRef, Json] = {}
    terminating: dict[ObjectRef, Json] = {}
    """Those that are on their way out and are to be taken for gone: what is wanted of them has to be made anew."""
    problems: tuple[Problem, ...] = ()
    """What of the record could not be read."""
    secrets: tuple[Json, ...] = ()
    """Secrets of others that what runs reads: their values are masked, too."""

    def __repr__(self) -> str:
        return f"State(revisions={self.revisions!r}, objects={[str(ref) for ref in self.objects]})"


def mark_abandoned(revisions: Sequence[Revision], *, is_dead: bool) -> tuple[Revision, ...]:
    """Give runs, oldest first, as readers are to see them: those that were killed as such.

    `is_dead`: the latest one holds no lock any more. What it calls RUNNING may still run; of an older one
    nothing is, for the run after it has stopped that or taken it up.
    """
    *older, latest = revisions
    is_killed = is_dead and latest.outcome is Outcome.RUNNING
    told = msgspec.structs.replace(latest, outcome=Outcome.ABANDONED) if is_killed else latest
    return (*map(_tell_older, older), told)


def _tell_older(revision: Revision) -> Revision:
    ends = {Outcome.RUNNING: Outcome.ABANDONED, Outcome.PENDING: Outcome.SKIPPED}
    steps = tuple(msgspec.structs.replace(s, outcome=ends.get(s.outcome, s.outcome)) for s in revision.steps)
    outcome = ends.get(revision.outcome, revision.outcome)
    return msgspec.structs.replace(revision, outcome=outcome, steps=steps)
