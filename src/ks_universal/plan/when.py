"""Whether an application's migrations run in this plan, and why."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from operator import eq

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.model.migrations import When
from ks_universal.plan.fingerprints import is_same, name_changes
from ks_universal.plan.moving import find_moving
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.release import Member, pod_of

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


def decide(member: Member, fingerprint: str, revisions: Sequence[Revision], policy: MigratePolicy) -> Verdict:
    """Decide whether the migrations of an application run."""
    if policy is MigratePolicy.ALWAYS:
        return Verdict(True, "asked for")
    if policy is MigratePolicy.NEVER:
        return Verdict(False, "left out as asked for")
    last = next((r for r in reversed(revisions) if member.name in r.planned), None)
    if last is None:
        return Verdict(True, "first deploy")
    if member.when is When.ALWAYS:
        return Verdict(True, "'migrations.when' is 'always'")
    if is_same(last.digests.get(member.name), fingerprint):
        return _decide_unchanged(member, fingerprint, revisions)
    if not is_same(last.planned[member.name], fingerprint):
        return Verdict(True, name_changes(last.planned[member.name], fingerprint))
    if last.outcome is Outcome.SUCCEEDED:
        return Verdict(True, f"revision {last.number} left them out")
    return Verdict(True, f"revision {last.number} did not complete")


def find_migrated(member: Member, fingerprint: str, revisions: Sequence[Revision]) -> dict[str, int]:
    """Find the steps of an application that runs of `ks-universal migrate` have done for this plan, and in which runs.

    They left those out that come after the new version, so that the application is not known as unchanged.
    """
    if member.when is When.ALWAYS or any(_moving_images(member)):
        return {}
    done: dict[str, int] = {}
    for revision in reversed(revisions):
        if member.name not in revision.planned:
            continue
        is_migrated = revision.only_migrates and revision.outcome is Outcome.SUCCEEDED
        if not is_migrated or not is_same(revision.planned[member.name], fingerprint):
            break
        ended = (step.id for step in revision.steps if step.outcome is Outcome.SUCCEEDED)
        done = dict.fromkeys(ended, revision.number) | done
    return done


def find_refusals(members: Iterable[Member], revisions: Sequence[Revision]) -> tuple[Problem, ...]:
    """Say for which applications migrations cannot be left out: those whose last run failed, or ran a part of them."""
    return tuple(
        Problem(
            "plan/migrations-unfinished",
            f"the last migrations of {member.name} (revision {number}) {what}: they must run",
            hint="leave out '--migrate never', or insist with --force",
        )
        for member in members
        if member.migrations
        for number, what in _find_unfinished(member.name, revisions)
    )


def _decide_unchanged(member: Member, fingerprint: str, revisions: Sequence[Revision]) -> Verdict:
    moving = next(_moving_images(member), None)
    if moving is not None:
        return Verdict(True, f"image {moving} may have moved under its tag")
    since = revisions[-1].number
    what, equals = _choose_comparison(member, revisions[-1].digests.get(member.name) == fingerprint)
    for revision in reversed(revisions):
        if not equals(revision.digests.get(member.name), fingerprint):
            break
        since = revision.number
    return Verdict(False, f"{what} changed since revision {since}")


def _choose_comparison(member: Member, is_unchanged: bool) -> tuple[str, Callable[[str | None, str], bool]]:
    if is_unchanged:
        return "nothing", eq
    return "no image of theirs" if member.when is When.IMAGE else "nothing that they run with", is_same


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


def _moving_images(member: Member) -> Iterator[str]:
    """Yield images of the migrations that the nodes pull anew; init containers, which only prepare, don't count."""
    for migration in member.migrations:
        yield from find_moving(pod_of(migration.body)["containers"])
