"""A plan as it was shown: printable, saved as JSON, and recognized again when it is to be carried out."""

from typing import Any

import msgspec

from ks_universal.diagnostics import Problem, describe_problem
from ks_universal.json_types import Json
from ks_universal.plan.changes import ObjectChange, strip
from ks_universal.plan.fingerprints import digest
from ks_universal.plan.records import State
from ks_universal.plan.rehearsals import RehearsalSummary
from ks_universal.plan.selection import MigratePolicy
from ks_universal.plan.show import list_restarts
from ks_universal.plan.steps import Migrate, Plan, RunJob, Skipped, SkippedJob
from ks_universal.plan.unnoticed import find_unnoticed

FORMAT = 1


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A migration step or a Job of the values that runs, and why."""

    id: str
    image: str
    command: tuple[str, ...]
    why: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan does, without any Secret's value. `digest` stands for the whole plan and what it was made on."""

    format: int = FORMAT
    release: str
    namespace: str
    revision: int
    migrate: MigratePolicy
    force: bool
    migrations: tuple[PlannedRun, ...]
    skipped: tuple[Skipped, ...]
    jobs: tuple[PlannedRun, ...] = ()
    skipped_jobs: tuple[SkippedJob, ...] = ()
    changes: tuple[ObjectChange, ...]
    notes: tuple[str, ...] = ()
    """What does not happen though somebody may expect it, and what may happen: `find_unnoticed`, `list_restarts`."""
    rehearsal: RehearsalSummary | None = None
    problems: tuple[Problem, ...]
    digest: str
    now_s: int | None = None
    """The time that expressions of the values have read, for `load` when the plan is carried out."""


def build_preview(
    plan: Plan,
    state: State,
    changes: tuple[ObjectChange, ...],
    problems: tuple[Problem, ...],
    *,
    migrate: str,
    force: bool,
) -> Preview:
    """Sum a plan up. `migrate` and `force` are what the user asked for, and has to ask for again."""
    return Preview(
        release=plan.release,
        namespace=plan.namespace,
        revision=plan.revision,
        migrate=MigratePolicy(migrate),
        force=force,
        migrations=tuple(_sum_up(step, step.migration.body) for step in plan.steps if isinstance(step, Migrate)),
        skipped=plan.skipped,
        jobs=tuple(_sum_up(step, step.body) for step in plan.steps if isinstance(step, RunJob)),
        skipped_jobs=plan.skipped_jobs,
        changes=changes,
        notes=(*find_unnoticed(plan, changes), *list_restarts(plan)),
        rehearsal=plan.rehearsal,
        problems=problems,
        digest=digest_situation(plan, state),
    )


def describe_plan(preview: Preview) -> dict[str, Any]:
    """Give a plan for JSON, and for a file that `deploy --plan` reads; its findings as they are everywhere."""
    return {**msgspec.to_builtins(preview), "problems": [describe_problem(problem) for problem in preview.problems]}


def digest_situation(plan: Plan, state: State) -> str:
    """Digest a plan and all that it was made on: equal digests mean that the plan does what it did then."""
    live = sorted((str(ref), strip(body)) for ref, body in state.objects.items())
    return digest([plan, [revision.number for revision in state.revisions], live])


def _sum_up(step: Migrate | RunJob, job: Json) -> PlannedRun:
    container = job["spec"]["template"]["spec"]["containers"][0]
    command = (*container.get("command", ()), *container.get("args", ()))
    return PlannedRun(id=step.id, image=container["image"], command=command, why=step.why)
