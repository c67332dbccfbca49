"""Which fingerprint of an application a run leaves in the record: the base of "nothing changed" in the next one."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from ks_universal.plan.fingerprints import is_same
from ks_universal.plan.steps import Migrate, Plan


class Part(msgspec.Struct, frozen=True, kw_only=True):
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


def find_parts(plan: Plan, known: Mapping[str, str]) -> dict[str, Part]:
    """Find the applications of a plan. `known` are the fingerprints before it."""
    steps: dict[str, set[str]] = {name: set() for name in plan.digests}
    for step in plan.steps:
        if step.application in steps:
            steps[step.application].add(step.id)
    migrating = {step.application for step in plan.steps if isinstance(step, Migrate)}
    skipping = {skipped.application for skipped in plan.skipped if not skipped.succeeded}
    same = {name for name, planned in plan.digests.items() if is_same(known.get(name), planned)}
    return {
        name: Part(
            planned=planned,
            known=known.get(name),
            steps=steps[name],
            migrates=name in migrating,
            same=name in same,
            left_out=name in skipping and name not in same,
        )
        for name, planned in plan.digests.items()
    }


def find_digest(part: Part, progress: Progress) -> str | None:
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
