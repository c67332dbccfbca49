"""Which migrations run in a plan, which are skipped, and why."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from operator import eq

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.model.format.migrations import When
from ks_universal.plan.fingerprints import digest, is_same, name_changes
from ks_universal.plan.moving import find_moving
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.release import App, Release, pod_of
from ks_universal.plan.staging import stage
from ks_universal.plan.steps import Migrate, Skipped
from ks_universal.resources.objects import Migration

_FAILURES = frozenset((Outcome.MIGRATION_FAILED, Outcome.FAILED))


class MigratePolicy(StrEnum):
    """What the user asks for: AUTO runs migrations where something that they run with changed."""

    ALWAYS = "always"
    AUTO = "auto"
    NEVER = "never"


class Verdict(msgspec.Struct, frozen=True):
    """Whether to run; `why` is a clause for people."""

    run: bool
    why: str


def decide(app: App, fingerprint: str, revisions: Sequence[Revision], policy: MigratePolicy) -> Verdict:
    """Decide whether the migrations of an application run."""
    if policy is MigratePolicy.ALWAYS:
        return Verdict(True, "asked for")
    if policy is MigratePolicy.NEVER:
        return Verdict(False, "left out as asked for")
    last = next((r for r in reversed(revisions) if app.name in r.planned), None)
    if last is None:
        return Verdict(True, "first deploy")
    if app.when is When.ALWAYS:
        return Verdict(True, "'migrations.when' is 'always'")
    if is_same(last.digests.get(app.name), fingerprint):
        return _decide_unchanged(app, fingerprint, revisions)
    if not is_same(last.planned[app.name], fingerprint):
        return Verdict(True, name_changes(last.planned[app.name], fingerprint))
    if last.outcome is Outcome.SUCCEEDED:
        return Verdict(True, f"revision {last.number} left them out")
    return Verdict(True, f"revision {last.number} did not complete")


def find_migrated(app: App, fingerprint: str, revisions: Sequence[Revision]) -> dict[str, int]:
    """Find the steps of an application that runs of `ks-universal migrate` have done for this plan, and in which runs.

    They left those out that come after the new version, so that the application is not known as unchanged.
    """
    if app.when is When.ALWAYS or any(_moving_images(app)):
        return {}
    done: dict[str, int] = {}
    for revision in reversed(revisions):
        if app.name not in revision.planned:
            continue
        is_migrated = revision.only_migrates and revision.outcome is Outcome.SUCCEEDED
        if not is_migrated or not is_same(revision.planned[app.name], fingerprint):
            break
        ended = (step.id for step in revision.steps if step.outcome is Outcome.SUCCEEDED)
        done = dict.fromkeys(ended, revision.number) | done
    return done


def find_refusals(apps: Iterable[App], revisions: Sequence[Revision]) -> tuple[Problem, ...]:
    """Say for which applications migrations cannot be left out: those whose last run failed, or ran a part of them."""
    return tuple(
        Problem(
            "plan/migrations-unfinished",
            f"the last migrations of {app.name} (revision {number}) {what}: they must run",
            hint="leave out '--migrate never', or insist with --force",
        )
        for app in apps
        if app.migrations
        for number, what in _find_unfinished(app.name, revisions)
    )


def _decide_unchanged(app: App, fingerprint: str, revisions: Sequence[Revision]) -> Verdict:
    moving = next(_moving_images(app), None)
    if moving is not None:
        return Verdict(True, f"image {moving} may have moved under its tag")
    since = revisions[-1].number
    what, equals = _choose_comparison(app, revisions[-1].digests.get(app.name) == fingerprint)
    for revision in reversed(revisions):
        if not equals(revision.digests.get(app.name), fingerprint):
            break
        since = revision.number
    return Verdict(False, f"{what} changed since revision {since}")


def _choose_comparison(app: App, is_unchanged: bool) -> tuple[str, Callable[[str | None, str], bool]]:
    if is_unchanged:
        return "nothing", eq
    return "no image of theirs" if app.when is When.IMAGE else "nothing that they run with", is_same


def _find_unfinished(application: str, revisions: Sequence[Revision]) -> Iterator[tuple[int, str]]:
    """Find the last run that began migrations of an application, if these did not all succeed, and say so.

    Those of a phase belong together: where only the rollout failed, those before it have succeeded.
    """
    for revision in reversed(revisions):
        steps = [step for step in revision.steps if step.application == application]
        begun = {step.phase for step in steps if step.has_begun}
        outcomes = {step.outcome for step in steps if step.phase in begun}
        if outcomes - {Outcome.SUCCEEDED}:
            yield revision.number, "did not succeed" if outcomes & _FAILURES else "did not all run to their end"
        if outcomes:
            return


def _moving_images(app: App) -> Iterator[str]:
    """Yield images of the migrations that the nodes pull anew; init containers, which only prepare, don't count."""
    for migration in app.migrations:
        yield from find_moving(pod_of(migration.body)["containers"])


class Choice(msgspec.Struct, frozen=True):
    """Application to its migrations that run, in run order; and those that don't."""

    steps: dict[str, tuple[Migrate, ...]]
    skipped: tuple[Skipped, ...]


def choose(
    release: Release,
    digests: Mapping[str, str],
    revisions: Sequence[Revision],
    *,
    policy: MigratePolicy,
    resumed: Revision | None,
    timeless: Release,
) -> Choice:
    """Choose the migrations of all applications. `timeless` is the release as `digests` have it.

    Those that succeeded in the run that is continued, or in one of `ks-universal migrate` just before, are skipped;
    the latter not where the run that is continued has planned them again.
    """
    before = revisions if resumed is None else revisions[:-1]
    planned = set() if resumed is None else {step.id for step in resumed.steps}
    done = _find_done(resumed)
    steps: dict[str, tuple[Migrate, ...]] = {}
    skipped: list[Skipped] = []
    for app in release.apps.values():
        verdict = decide(app, digests[app.name], revisions, policy)
        may_be_done = verdict.run and policy is MigratePolicy.AUTO
        earlier = find_migrated(app, digests[app.name], before) if may_be_done else {}
        open_ = []
        for migration, equal in zip(app.migrations, timeless.apps[app.name].migrations, strict=True):
            step = build_migrate(migration, release, verdict.why)
            if timeless is not release:
                step = msgspec.structs.replace(step, digest=build_migrate(equal, timeless, "").digest)
            if done.get(step.id) == step.digest:
                skipped.append(_skip(step.migration, "succeeded already in this revision", succeeded=True))
            elif step.id in earlier and step.id not in planned:
                why = f"succeeded already in revision {earlier[step.id]}"
                skipped.append(_skip(step.migration, why, succeeded=True))
            else:
                open_.append(step)
        if verdict.run:
            steps[app.name] = tuple(open_)
        else:
            skipped += [_skip(step.migration, verdict.why) for step in open_]
    return Choice(steps, tuple(skipped))


def _find_done(revision: Revision | None) -> dict[str, str]:
    """Find the steps of a run that succeeded, and the digests of what they ran."""
    steps = () if revision is None else revision.steps
    return {step.id: step.digest for step in steps if step.outcome is Outcome.SUCCEEDED}


def build_migrate(migration: Migration, release: Release, why: str) -> Migrate:
    """Build the step that runs a migration, with staged copies of the configuration that the release has."""
    migration, staged = stage(migration, release)
    name = f"/{migration.step}" if migration.step else ""
    return Migrate(
        id=f"{migration.application}/migrations{name}",
        application=migration.application,
        migration=migration,
        digest=digest([migration, staged]),
        why=why,
        staged=staged,
    )


def choose_undo(release: Release, undo: Mapping[str, Sequence[Migrate]], why: str) -> Choice:
    """Choose the steps that undo migrations, by application, also of one that leaves; the own ones are skipped."""
    steps = {name: tuple(undo.get(name, ())) for name in (*release.apps, *undo)}
    skipped = [_skip(migration, why) for app in release.apps.values() for migration in app.migrations]
    return Choice(steps, tuple(skipped))


def _skip(migration: Migration, why: str, *, succeeded: bool = False) -> Skipped:
    return Skipped(migration.application, migration.step, migration.phase, why, succeeded)
