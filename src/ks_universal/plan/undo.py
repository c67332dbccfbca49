"""Which migrations lie between a release and one of its earlier revisions, and the steps that undo them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.fingerprints import digest
from ks_universal.plan.records import Outcome, Revision, StepRecord
from ks_universal.plan.release import Release
from ks_universal.plan.selection import build_migrate
from ks_universal.plan.steps import Migrate
from ks_universal.resources.objects import Migration, ObjectRef, Rendered

_Applied = tuple[str, str, tuple[str, ...]]
_Place = tuple[int, str, str | None]


class AppliedMigration(msgspec.Struct, frozen=True):
    """A migration that succeeded after the earlier revision, and the number of the revision that ran it.

    `undo` are the ids of the steps that undo it, as far as any was planned since, and whether each has succeeded.
    """

    revision: int
    record: StepRecord
    undo: dict[str, bool] = {}


def list_undo_jobs(revision: Revision) -> tuple[ObjectRef, ...]:
    """List the Jobs of a run that undo: they stay for reading until another one takes the place of the run."""
    names = {record.job for record in revision.steps if record.undoes is not None}
    return tuple(ref for ref in revision.objects if ref.kind == "Job" and ref.name in names)


def find_earlier(revisions: Sequence[Revision]) -> Revision | None:
    """Find the revision to go back to where none is named: the last version that came up before the latest.

    A rollback that did not succeed is taken up: it is the way to its own revision, not a version to go back from.
    """
    latest = revisions[-1] if revisions else None
    if latest is not None and latest.back_to is not None and latest.outcome is not Outcome.SUCCEEDED:
        return next((r for r in revisions if r.number == latest.back_to), None)
    earlier = (r for r in reversed(revisions[:-1]) if not r.only_migrates)
    return next((r for r in earlier if r.outcome is Outcome.SUCCEEDED), None)


def list_applied_since(revisions: Sequence[Revision], target: int) -> tuple[AppliedMigration, ...]:
    """Find the migrations to undo, the latest first: those that succeeded after `target`, and were not undone since.

    One that ran again unchanged (same image, same command) changed nothing the second time: it counts once, and not at
    all where it had run in or before `target`.
    """
    applied, _ = _follow(revisions)
    return tuple(one for one in reversed(applied.values()) if one.revision > target)


def find_undone(revisions: Sequence[Revision], target: int) -> tuple[AppliedMigration, ...]:
    """Find the migrations that `target` ran on, and that were undone after it and not applied again since."""
    _, undone = _follow(revisions)
    return tuple(one for one, by in undone.values() if one.revision <= target < by)


def build_undo(passed: Iterable[AppliedMigration], rendered: Mapping[int, Rendered]) -> dict[str, list[Migrate]]:
    """Build the steps that undo migrations, by application, in their order. `rendered`: the revisions' own objects.

    They run with the image, the command and the configuration of the revision that migrated. Those that have succeeded
    are left out: what undoes may do more the second time. A migration without `rollback` has none: `find_irreversible`.
    """
    steps: dict[str, list[Migrate]] = {}
    for one in passed:
        for migration in _list_undo(one, rendered):
            name = f"{migration.application}/undo/{migration.body['metadata']['name']}/{one.revision}"
            if one.undo.get(name):
                continue
            release = Release(rendered[one.revision])
            step = build_migrate(migration, release, f"undoes {one.record.id} of revision {one.revision}")
            # One command on one image may undo several revisions: the end of one Job is not that of the other.
            its_digest = digest([step.digest, one.revision])
            step = msgspec.structs.replace(step, id=name, undoes=one.revision, digest=its_digest)
            steps.setdefault(migration.application, []).append(step)
    return steps


def find_irreversible(
    passed: Iterable[AppliedMigration], rendered: Mapping[int, Rendered]
) -> tuple[AppliedMigration, ...]:
    """Find the migrations that nothing undoes: they have no `rollback`, or what they were made of is not known."""
    return tuple(one for one in passed if not list(_list_undo(one, rendered)))


def warn_of_undone(undone: Sequence[AppliedMigration], target: int) -> tuple[Problem, ...]:
    """Warn of the migrations that a revision needs and that the database no longer has."""
    if not undone:
        return ()
    names = ", ".join(f"{one.record.id} (revision {one.revision})" for one in undone)
    message = f"revision {target} will run on a database in which its migrations were undone: {names}"
    hint = "deploy its values instead: that applies them again"
    return (Problem("rollback/migrations-undone", message, hint=hint, severity=Severity.WARNING),)


def warn_irreversible(lasting: Sequence[AppliedMigration], target: int, *, down: bool) -> tuple[Problem, ...]:
    """Warn of the migrations that stay in the database while the older version runs on it."""
    if not lasting:
        return ()
    names = ", ".join(f"{one.record.id} (revision {one.revision})" for one in lasting)
    hint = "the older version must be able to work with them"
    more = "these have no 'rollback' in the values" if down else "'--migrate-down' runs their 'rollback'"
    message = f"revision {target} will run on a database to which later migrations were applied: {names}"
    return (Problem("rollback/migrations-stay", message, hint=f"{hint}; {more}", severity=Severity.WARNING),)


def _follow(
    revisions: Sequence[Revision],
) -> tuple[dict[_Applied, AppliedMigration], dict[_Applied, tuple[AppliedMigration, int]]]:
    """Follow what was applied, and what was undone (with the number of the revision that did it), to what holds now.

    A migration is undone when all steps that undo it have succeeded, in whatever runs. Once another one of its
    application has begun, which may bring back what they have undone, they count no more.
    """
    applied: dict[_Applied, AppliedMigration] = {}
    undone: dict[_Applied, tuple[AppliedMigration, int]] = {}
    for revision in revisions:
        undo = _list_undo_records(revision)
        migrating = {r.application for r in revision.steps if r.undoes is None and r.has_begun}
        for what, one in tuple(applied.items()):
            known = {} if one.record.application in migrating else one.undo | undo.get(_place(one), {})
            applied[what] = msgspec.structs.replace(one, undo=known)
            if known and all(known.values()):
                undone[what] = applied.pop(what), revision.number
        for record in revision.steps:
            if record.outcome is Outcome.SUCCEEDED and record.undoes is None:
                what = (record.id, record.image, record.command)
                undone.pop(what, None)
                applied.setdefault(what, AppliedMigration(revision.number, record))
    return applied, undone


def _list_undo_records(revision: Revision) -> dict[_Place, dict[str, bool]]:
    """List the steps of a run that undo, by what they undo, and whether each has succeeded."""
    found: dict[_Place, dict[str, bool]] = {}
    for record in revision.steps:
        if record.undoes is not None:
            place = (record.undoes, record.application, record.step)
            found.setdefault(place, {})[record.id] = record.outcome is Outcome.SUCCEEDED
    return found


def _place(passed: AppliedMigration) -> _Place:
    return passed.revision, passed.record.application, passed.record.step


def _list_undo(passed: AppliedMigration, rendered: Mapping[int, Rendered]) -> Iterator[Migration]:
    known = rendered.get(passed.revision)
    for migration in known.migrations if known else ():
        if (migration.application, migration.step) == (passed.record.application, passed.record.step):
            yield from (_undo(migration, body) for body in migration.undo)


def _undo(migration: Migration, body: Json) -> Migration:
    return msgspec.structs.replace(migration, body=body, phase=Phase.PRE, depends_on=(), undo=())
