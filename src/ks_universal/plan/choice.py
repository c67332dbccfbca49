"""Which migrations run in a plan, and which are skipped, with the reasons."""

from collections.abc import Mapping, Sequence

import msgspec

from ks_universal.plan.digest import digest
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.release import Release
from ks_universal.plan.staging import stage
from ks_universal.plan.steps import Migrate, Skipped
from ks_universal.plan.when import MigratePolicy, decide, find_migrated
from ks_universal.resources.objects import Migration


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
) -> Choice:
    """Choose the migrations of all applications.

    Those that succeeded in the run that is continued, or in one of `ks-universal migrate` just before, are skipped;
    the latter not where the run that is continued has planned them again.
    """
    before = revisions if resumed is None else revisions[:-1]
    planned = set() if resumed is None else {step.id for step in resumed.steps}
    done = _find_done(resumed)
    steps: dict[str, tuple[Migrate, ...]] = {}
    skipped: list[Skipped] = []
    for member in release.members.values():
        verdict = decide(member, digests[member.name], revisions, policy)
        may_be_done = verdict.run and policy is MigratePolicy.AUTO
        earlier = find_migrated(member, digests[member.name], before) if may_be_done else {}
        open_ = []
        for step in (build_migrate(migration, release, verdict.why) for migration in member.migrations):
            if done.get(step.id) == step.digest:
                skipped.append(_skip(step.migration, "succeeded already in this revision", succeeded=True))
            elif step.id in earlier and step.id not in planned:
                why = f"succeeded already in revision {earlier[step.id]}"
                skipped.append(_skip(step.migration, why, succeeded=True))
            else:
                open_.append(step)
        if verdict.run:
            steps[member.name] = tuple(open_)
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
    steps = {name: tuple(undo.get(name, ())) for name in (*release.members, *undo)}
    skipped = [_skip(migration, why) for member in release.members.values() for migration in member.migrations]
    return Choice(steps, tuple(skipped))


def _skip(migration: Migration, why: str, *, succeeded: bool = False) -> Skipped:
    return Skipped(migration.application, migration.step, migration.phase, why, succeeded)
