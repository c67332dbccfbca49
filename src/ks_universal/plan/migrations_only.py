"""A plan reduced to its migrations: what `ks-universal migrate` does."""

import msgspec

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import State
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut, Skipped, Step
from ks_universal.resources.objects import ObjectRef, object_ref


def keep_migrations(plan: Plan, state: State) -> Plan:
    """Keep the migrations that come before the new version, and what they need.

    Those after it (`phase: post`) are skipped, and nothing is deleted.
    """
    kept = _find_needed(plan)
    steps = tuple(step for step in plan.steps if step.id in kept)
    left = [s for s in plan.steps if isinstance(s, Migrate) and s.id not in kept]
    latest = state.revisions[-1] if state.revisions else None
    return msgspec.structs.replace(
        plan,
        steps=steps,
        skipped=(*plan.skipped, *(_skip(step) for step in left)),
        objects=tuple(dict.fromkeys((*(latest.objects if latest else ()), *map(_made_by, steps)))),
        only_migrates=True,
    )


def _find_needed(plan: Plan) -> set[str]:
    """Find the migrations of the first phase and, going backwards, all that these need."""
    needed: set[str] = set()
    for step in reversed(plan.steps):
        if step.id in needed or (isinstance(step, Migrate) and step.migration.phase is Phase.PRE):
            needed.update((step.id, *step.needs))
    return needed


def _skip(step: Migrate) -> Skipped:
    migration = step.migration
    return Skipped(migration.application, migration.step, migration.phase, "comes after the new version: deploy it")


def _made_by(step: Step) -> ObjectRef:
    match step:
        case Apply() | RollOut():
            return object_ref(step.body)
        case Migrate():
            return object_ref(step.migration.body)
        case _:
            return step.identity
