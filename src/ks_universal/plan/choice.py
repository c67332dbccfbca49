"""Which migrations run in a plan, and which are skipped, with the reasons."""

from collections.abc import Mapping, Sequence

import msgspec

from ks_universal.plan.digest import digest
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.release import Member, Release
from ks_universal.plan.staging import stage
from ks_universal.plan.steps import Migrate, Skipped
from ks_universal.plan.when import MigratePolicy, Verdict, decide
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
    """Choose the migrations of all applications. Those that succeeded in the run that is continued are skipped."""
    done = {(r.id, r.digest) for r in (resumed.steps if resumed else ()) if r.outcome is Outcome.SUCCEEDED}
    steps: dict[str, tuple[Migrate, ...]] = {}
    skipped: list[Skipped] = []
    for member in release.members.values():
        if not member.migrations:
            continue
        verdict = decide(member, digests[member.name], revisions, policy)
        if verdict.run:
            chosen = [_build(migration, release, verdict.why) for migration in member.migrations]
            skipped += [_skip_done(step.migration) for step in chosen if (step.id, step.digest) in done]
            steps[member.name] = tuple(step for step in chosen if (step.id, step.digest) not in done)
        else:
            skipped += _skip_all(member, verdict)
    return Choice(steps, tuple(skipped))


def _build(migration: Migration, release: Release, why: str) -> Migrate:
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


def _skip_done(migration: Migration) -> Skipped:
    why = "succeeded already in this revision"
    return Skipped(migration.application, migration.step, migration.phase, why, succeeded=True)


def _skip_all(member: Member, verdict: Verdict) -> list[Skipped]:
    return [Skipped(m.application, m.step, m.phase, verdict.why) for m in member.migrations]
