"""The record of a run while it goes on: at any moment it tells the truth to who finds it after a kill.

What a run may do is written down before it does it (objects that it may make, applications of whose state nothing is
known any more); what it has done, after.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

import msgspec

from ks_universal.engine.masking import Mask
from ks_universal.plan.fingerprints import is_same
from ks_universal.plan.one_off_jobs import find_job_digest, list_known, name_job, record_job
from ks_universal.plan.records import (
    FORMAT,
    Attempt,
    Failure,
    JobRecord,
    JobState,
    Outcome,
    Revision,
    State,
    StepRecord,
)
from ks_universal.plan.steps import Apply, Delete, Migrate, Plan, RollOut, RunJob, Step
from ks_universal.resources.objects import APP_SECTIONS, ObjectRef, object_ref, read_template


class AppProgress(msgspec.Struct, frozen=True, kw_only=True):
    """An application in a plan.

    `known` is its fingerprint before the run, `planned` the one after. `same`: its migrations would run with what they
    have run with before. `left_out`: migrations of something new are skipped (`--migrate never`), so that the next run
    has to make up for them.
    """

    planned: str
    known: str | None
    steps: AbstractSet[str]
    migrates: bool
    same: bool
    left_out: bool


class Progress(msgspec.Struct, frozen=True):
    """Ids of steps by what has become of them; `ended` when nothing more will."""

    begun: AbstractSet[str]
    succeeded: AbstractSet[str]
    ended: bool


def find_parts(plan: Plan, known: Mapping[str, str]) -> dict[str, AppProgress]:
    """Find the applications of a plan. `known` are the fingerprints before it."""
    steps: dict[str, set[str]] = {name: set() for name in plan.digests}
    for step in plan.steps:
        if step.application in steps:
            steps[step.application].add(step.id)
    migrating = {step.application for step in plan.steps if isinstance(step, Migrate)}
    skipping = {skipped.application for skipped in plan.skipped if not skipped.succeeded}
    same = {name for name, planned in plan.digests.items() if is_same(known.get(name), planned)}
    return {
        name: AppProgress(
            planned=planned,
            known=known.get(name),
            steps=steps[name],
            migrates=name in migrating,
            same=name in same,
            left_out=name in skipping and name not in same,
        )
        for name, planned in plan.digests.items()
    }


def find_digest(part: AppProgress, progress: Progress) -> str | None:
    """Find the fingerprint with which all migrations of an application have certainly succeeded; None: there is none.

    The known one is given up before migrations begin; where the plan has none because they would run with the same, it
    holds whatever becomes of the run.
    """
    if not part.steps and part.left_out:  # `ks-universal migrate`, of what it does not begin
        return part.known
    if part.steps <= progress.succeeded:
        return None if part.left_out else part.planned
    if not part.migrates:
        return part.known if part.same or not part.steps & progress.begun else None
    return part.known if progress.ended and not part.steps & progress.begun else None


_LONGEST_LINE = 2000
"""Characters of a log line that are kept: fifty lines of a megabyte each would make the record fifty Secrets."""


def shorten_log(attempt: Attempt) -> Attempt:
    """Cut the long lines of an attempt's log, as it is kept and reported."""
    log_tail, excerpt = (tuple(map(_shorten, lines)) for lines in (attempt.log_tail, attempt.excerpt))
    sidecar_tails = {name: tuple(map(_shorten, lines)) for name, lines in attempt.sidecar_tails.items()}
    return msgspec.structs.replace(attempt, log_tail=log_tail, excerpt=excerpt, sidecar_tails=sidecar_tails)


def _shorten(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"


class Record:
    """What has become of a plan so far. Of a revision that is continued, what had begun before is in it, too."""

    def __init__(self, plan: Plan, state: State, mask: Mask, *, by: str, now: datetime, request: str = "") -> None:
        latest = state.revisions[-1] if state.revisions else None
        resumed = latest if latest is not None and latest.number == plan.revision else None
        self._plan = plan
        self._by = by
        self._request = request
        self._started = resumed.started if resumed else now
        self._inventory = () if latest is None else latest.objects
        self._parts = find_parts(plan, {} if latest is None else latest.digests)
        self._running = _find_running(plan, state)
        self._steps = _begin_steps(plan, resumed, mask)
        self._jobs = _begin_jobs(plan, {} if latest is None else list_known(latest))
        self._images = _list_images(plan, mask)
        self._begun: dict[str, Step] = {}
        self._succeeded: set[str] = set()
        self._kept: list[ObjectRef] = []
        self._is_paused = False
        self._gone: set[str | None] = set()
        self._failures: list[Failure] = []

    def begin(self, step: Step) -> None:
        """Note that a step begins."""
        self._begun[step.id] = step
        if step.id in self._steps:
            self._steps[step.id] = msgspec.structs.replace(self._steps[step.id], outcome=Outcome.RUNNING, attempts=())

    def add_attempt(self, step: str, attempt: Attempt) -> None:
        """Note an attempt of a migration that has ended; one of a Job is noted with the Job's end."""
        if step in self._steps:
            record = self._steps[step]
            self._steps[step] = msgspec.structs.replace(record, attempts=(*record.attempts, attempt))

    def succeed(self, step: Step) -> None:
        """Note that a step has succeeded."""
        self._succeeded.add(step.id)
        self._turn(step.id, Outcome.SUCCEEDED)
        if isinstance(step, RollOut) and step.application is not None:
            self._running[step.application] = self._plan.revision
        if isinstance(step, Delete) and step.identity.kind == "Job":
            self._note_stop(step.identity.name)

    def make_job(self, step: RunJob) -> JobRecord:
        """Note that a Job of the values was made, or taken up; gives its record."""
        ref, made = object_ref(step.body), record_job(step.body, self._plan.revision, Outcome.RUNNING)
        before = self._jobs[ref]
        is_taken_up = not step.again and (before.digest, before.outcome) == (made.digest, Outcome.RUNNING)
        self._jobs[ref] = before if is_taken_up else made
        return self._jobs[ref]

    def see_job(self, state: JobState) -> None:
        """Note what was seen of a Job of the values."""
        self._jobs[state.identity] = state.record

    @property
    def jobs(self) -> dict[ObjectRef, JobRecord]:
        """The Jobs of the values of the plan, as far as they are known."""
        return {ref: record for ref, record in self._jobs.items() if ref in self._plan.objects}

    def has_succeeded(self, step: Step) -> bool:
        """Tell whether a step has succeeded."""
        return step.id in self._succeeded

    def find_image_ids(self, step: RollOut) -> dict[str, str]:
        """Find which ids the images of a rollout that may have moved had in migrations that have succeeded.

        Of one that none has told, it is empty: the target is to find it out.
        """
        succeeded = (record for record in self._steps.values() if record.outcome is Outcome.SUCCEEDED)
        last = [record.attempts[-1].image_ids for record in succeeded if record.attempts]
        known = {image: id_ for ids in last for image, id_ in ids.items()}
        return {image: known.get(image, "") for image in step.moving}

    def fail(self, failure: Failure) -> None:
        """Note that a step has failed."""
        self._failures.append(failure)
        self._turn(failure.step, failure.outcome)

    def lose(self, step: Step) -> None:
        """Note that nothing of a step's application is there any more."""
        self._gone.add(step.application)

    def pause(self) -> None:
        """Note that a rollout goes no further, so that what needs it, deletions too, is not done."""
        self._is_paused = True

    def keep(self, ref: ObjectRef) -> None:
        """Note that an object that left the values was kept: it stays the release's, to be found by an uninstall."""
        self._kept.append(ref)

    @property
    def outcome(self) -> Outcome:
        """How the run ends as things are. ROLLOUT_FAILED promises that all migrations that began have succeeded."""
        outcomes = [failure.outcome for failure in self._failures]
        ranked = (Outcome.MIGRATION_FAILED, Outcome.ROLLOUT_FAILED)
        return next((o for o in ranked if o in outcomes), Outcome.FAILED if outcomes else Outcome.SUCCEEDED)

    @property
    def runs(self) -> dict[str, int | None]:
        """Application to the revision that runs now; the record has what was rolled out last."""
        running = {name: number for name, number in self._running.items() if name not in self._gone}
        return {application: running.get(application) for application in self._plan.digests}

    def show(self) -> Revision:
        """Give the record of the run, which goes on."""
        objects = dict.fromkeys((*self._inventory, *self._plan.objects))
        return Revision(
            number=self._plan.revision,
            format=FORMAT,
            release=self._plan.release,
            namespace=self._plan.namespace,
            by=self._by,
            started=self._started,
            steps=tuple(self._steps.values()),
            planned=self._plan.digests,
            digests=self._find_digests(Outcome.RUNNING),
            objects=tuple(objects),
            runs=dict(self._running),
            failures=tuple(self._failures),
            jobs={name_job(s): record for s, record in self._jobs.items() if record.outcome is not Outcome.PENDING},
            jobs_not_run=tuple(s for s, record in self._jobs.items() if record.outcome is Outcome.PENDING),
            images=self._images,
            back_to=self._plan.back_to,
            request=self._request,
            rehearsal=self._plan.rehearsal.shorten() if self._plan.rehearsal else None,
            only_migrates=self._plan.only_migrates,
        )

    def close(self, outcome: Outcome, now: datetime) -> Revision:
        """Give the record of the run, which has ended."""
        is_done = outcome is Outcome.SUCCEEDED and not self._is_paused
        return msgspec.structs.replace(
            self.show(),
            outcome=outcome,
            ended=now,
            steps=tuple(map(self._close_step, self._steps.values())),
            digests=self._find_digests(outcome),
            objects=(*self._plan.objects, *self._kept) if is_done else self._list_made(),
        )

    def _note_stop(self, job: str) -> None:
        """Note that what a killed run had left running is stopped."""
        for record in self._steps.values():
            if record.outcome is Outcome.RUNNING and record.job == job:
                self._turn(record.id, Outcome.INTERRUPTED)

    def _turn(self, step: str, outcome: Outcome) -> None:
        if step in self._steps:
            self._steps[step] = _with(self._steps[step], outcome)

    def _close_step(self, record: StepRecord) -> StepRecord:
        """Close a record. What a killed run left running, and this one did not come to stop, goes on RUNNING."""
        if record.outcome is Outcome.PENDING:
            return _with(record, Outcome.SKIPPED)
        is_stopped = record.outcome is Outcome.RUNNING and record.id in self._begun
        return _with(record, Outcome.INTERRUPTED) if is_stopped else record

    def _find_digests(self, outcome: Outcome) -> dict[str, str]:
        progress = Progress(self._begun.keys(), self._succeeded, ended=outcome is not Outcome.RUNNING)
        found = {name: find_digest(part, progress) for name, part in self._parts.items()}
        return {name: digest for name, digest in found.items() if digest is not None}

    def _list_made(self) -> tuple[ObjectRef, ...]:
        """List what was there and what this run has made, or begun to make, without what it has deleted."""
        made = [ref for step in self._begun.values() for ref in _makes(step)]
        deleted = {s.identity for s in self._begun.values() if isinstance(s, Delete) and s.id in self._succeeded}
        gone = deleted.difference(self._kept, made)  # a Job that was stopped may have been made anew
        return tuple(s for s in dict.fromkeys((*self._inventory, *made)) if s not in gone)


def _begin_steps(plan: Plan, resumed: Revision | None, mask: Mask) -> dict[str, StepRecord]:
    """Begin the records of the steps. Those of a run that is continued stay, where they were.

    What that run had begun stays as it is until this one begins it anew, also where the plan leaves it out: it has had
    its effect, or half of it, or may still run.
    """
    before = {record.id: record for record in resumed.steps} if resumed else {}
    records = {r.id: r if r.has_begun else _with(r, Outcome.SKIPPED) for r in before.values()}
    for step in plan.steps:
        if isinstance(step, Migrate):
            records[step.id] = _record_step(step, mask, before.get(step.id))
    return records


def _begin_jobs(plan: Plan, known: dict[ObjectRef, JobRecord]) -> dict[ObjectRef, JobRecord]:
    """Begin the records of the Jobs of the values: those that were made in an earlier run, and those that are to be."""
    jobs = {}
    for step in plan.steps:
        if isinstance(step, Apply) and find_job_digest(step.body) is not None:
            outcome = Outcome.PENDING if isinstance(step, RunJob) else Outcome.RUNNING
            jobs[object_ref(step.body)] = record_job(step.body, plan.revision, outcome)
    return jobs | known


def _with(record: StepRecord, outcome: Outcome) -> StepRecord:
    return msgspec.structs.replace(record, outcome=outcome)


def _record_step(step: Migrate, mask: Mask, before: StepRecord | None) -> StepRecord:
    migration = step.migration
    half = before if before is not None and before.has_begun and before.outcome is not Outcome.SUCCEEDED else None
    container = migration.body["spec"]["template"]["spec"]["containers"][0]
    return StepRecord(
        id=step.id,
        application=migration.application,
        step=migration.step,
        job=object_ref(migration.body).name,
        undoes=step.undoes,
        phase=migration.phase,
        digest=step.digest,
        image=container["image"],
        command=mask.command((*container.get("command", ()), *container.get("args", ()))),
        outcome=Outcome.PENDING if half is None else half.outcome,
        attempts=() if half is None else half.attempts,
    )


def _list_images(plan: Plan, mask: Mask) -> dict[str, tuple[str, ...]]:
    """List the images of what the plan rolls out, each once, by application."""
    pods = {
        step.application: read_template(step.body)["spec"]
        for step in plan.steps
        if isinstance(step, RollOut) and step.application is not None
    }
    return {
        application: tuple(dict.fromkeys(mask.text(container["image"]) for container in pod["containers"]))
        for application, pod in pods.items()
    }


def _find_running(plan: Plan, state: State) -> dict[str, int]:
    """Find which revisions run: those of the record whose workload is live, and does not leave with this plan."""
    before = state.revisions[-1].runs if state.revisions else {}
    leaving = {step.identity for step in plan.steps if isinstance(step, Delete)}
    live = {s.name for s in state.objects if s.kind in APP_SECTIONS and s not in leaving}
    return {name: number for name, number in before.items() if name in live}


def _makes(step: Step) -> Iterator[ObjectRef]:
    if isinstance(step, Apply | RollOut):
        yield object_ref(step.body)
    elif isinstance(step, Migrate):
        yield object_ref(step.migration.body)
