"""Reads what a rollback needs: the earlier revision's objects, and those of the revisions that are to be undone."""

from typing import TYPE_CHECKING

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.plan.build import build_rollback
from ks_universal.plan.records import Revision, State
from ks_universal.plan.steps import Plan
from ks_universal.plan.undo import (
    build_undo,
    find_earlier,
    find_irreversible,
    find_undone,
    list_applied_since,
    warn_irreversible,
    warn_of_undone,
)
from ks_universal.resources.objects import Rendered

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


class Rollback(msgspec.Struct, frozen=True):
    """The way to the revision `number`. `later`: the objects of the revisions whose migrations are to be undone."""

    number: int
    rendered: Rendered
    later: dict[int, Rendered]
    migrate_down: bool

    def plan(self, rendered: Rendered, state: State) -> Plan:
        """Build the plan. Implements `engine.run.Planner`."""
        passed = list_applied_since(state.revisions, self.number)
        undo = build_undo(passed, self.later) if self.migrate_down else {}
        lasting = find_irreversible(passed, self.later) if self.migrate_down else passed
        plan = build_rollback(rendered, state, undo, self.number)
        warnings = warn_irreversible(lasting, self.number, down=self.migrate_down)
        warnings += warn_of_undone(find_undone(state.revisions, self.number), self.number)
        return msgspec.structs.replace(plan, warnings=(*plan.warnings, *warnings))


async def load_rollback(target: "KubernetesTarget", number: int | None, *, migrate_down: bool) -> Rollback:
    """Read the way back to a revision (None: see `find_earlier`).

    Raises InputError where the record has no such revision.
    """
    revisions = (await target.read_history()).revisions
    chosen = _choose(revisions, number)
    rendered = await target.read_manifests(chosen.number)
    if rendered is None:
        raise InputError([_unknown(revisions, chosen.number)])
    passed = list_applied_since(revisions, chosen.number) if migrate_down else ()
    found = {one.revision: await target.read_manifests(one.revision) for one in passed}
    later = {number: objects for number, objects in found.items() if objects is not None}
    return Rollback(chosen.number, rendered, later, migrate_down)


def _choose(revisions: tuple[Revision, ...], number: int | None) -> Revision:
    if number is None:
        earlier = find_earlier(revisions)
        if earlier is None:
            message = "there is no earlier revision that succeeded"
            raise InputError([Problem("rollback/no-revision", message, hint="see: ks-universal history NAME")])
        return earlier
    chosen = next((revision for revision in revisions if revision.number == number), None)
    if chosen is None:
        raise InputError([_unknown(revisions, number)])
    return chosen


def _unknown(revisions: tuple[Revision, ...], number: int) -> Problem:
    kept = ", ".join(str(revision.number) for revision in revisions) or "none"
    message = f"the record does not hold revision {number}; it holds: {kept}"
    return Problem("rollback/no-revision", message, hint="deploy the values of that version, or see --history-max")
