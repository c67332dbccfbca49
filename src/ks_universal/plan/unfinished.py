"""Migrations that a killed run may have left running, and that have to be stopped before a plan does anything else."""

from collections.abc import Iterator, Mapping, Sequence

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.steps import Migrate
from ks_universal.resources.objects import ObjectRef, object_ref


def find_outdated(
    revisions: Sequence[Revision], chosen: Mapping[str, Sequence[Migrate]], *, is_resumed: bool
) -> tuple[ObjectRef, ...]:
    """Find the Jobs to stop: those that may run, and that the first migration of an application does not see to.

    `chosen` are the migrations of the plan by application, in their order. One that comes first takes the running Job
    of its name up, or stops it; what comes later would let the old one run beside those before it.
    """
    first = [steps[0] for steps in chosen.values() if steps]
    seen_to = {object_ref(s.migration.body) for s in first if is_resumed or s.migration.phase is Phase.PRE}
    return tuple(ref for ref in _find_running(revisions) if ref not in seen_to)


def _find_running(revisions: Sequence[Revision]) -> Iterator[ObjectRef]:
    """Find the Jobs whose end nobody has noted. A deploy or rollback that succeeded has left none."""
    known: set[ObjectRef] = set()
    for revision in reversed(revisions):
        if revision.outcome is Outcome.SUCCEEDED and not revision.only_migrates:
            return
        jobs = {ref.name: ref for ref in revision.objects if ref.kind == "Job"}
        for step in reversed(revision.steps):  # one Job undoes a migration of several revisions, the latest first
            ref = jobs.get(step.job)
            if ref is None or ref in known or not step.has_begun:
                continue
            known.add(ref)
            if step.outcome is Outcome.RUNNING:
                yield ref
