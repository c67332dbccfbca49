"""Which digest of an application a run leaves in the record: the base of "nothing changed" in the next one."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from ks_universal.plan.steps import Migrate, Plan


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An application in a plan.

    `known` is its digest before the run, `planned` the one after; `left_out` tells that migrations of something new
    are skipped (`--migrate never`), so that the next run has to make up for them.
    """

    planned: str
    known: str | None
    steps: AbstractSet[str]
    migrates: bool
    left_out: bool


class Progress(msgspec.Struct, frozen=True):
    """Ids of steps by what has become of them; `ended` when nothing more will."""

    begun: AbstractSet[str]
    succeeded: AbstractSet[str]
    failed: AbstractSet[str]
    ended: bool


def find_parts(plan: Plan, known: Mapping[str, str]) -> dict[str, Part]:
    """Find the applications of a plan. `known` are the digests before it."""
    steps: dict[str, set[str]] = {name: set() for name in plan.digests}
    for step in plan.steps:
        if step.application in steps:
            steps[step.application].add(step.id)
    migrating = {step.application for step in plan.steps if isinstance(step, Migrate)}
    skipping = {skipped.application for skipped in plan.skipped if not skipped.succeeded}
    return {
        name: Part(
            planned=planned,
            known=known.get(name),
            steps=steps[name],
            migrates=name in migrating,
            left_out=name in skipping and known.get(name) != planned,
        )
        for name, planned in plan.digests.items()
    }


def find_digest(part: Part, progress: Progress) -> str | None:
    """Find the digest of what an application certainly is; None: it may be between two versions.

    The known one is given up before migrations begin, and when a step fails; where the plan has no migrations because
    nothing changed, it holds while the run goes on.
    """
    if part.steps & progress.failed:
        return None
    if part.steps <= progress.succeeded:
        return None if part.left_out else part.planned
    if not part.steps & progress.begun:
        return None if part.migrates and not progress.ended else part.known
    return part.known if part.known == part.planned and not part.migrates else None
