"""A plan as lines for people; pure, and without the content of any object."""

from collections.abc import Iterator
from typing import assert_never

from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob, Skipped, Step


def show_plan(plan: Plan) -> Iterator[str]:
    """Give the lines: the steps in order, numbered, with what each waits for; then what is skipped, and why.

    The plan's warnings are not among them: they are findings, and shown as such.
    """
    yield f"{plan.release}, revision {plan.revision}: {len(plan.steps)} steps"
    numbers = {step.id: number for number, step in enumerate(plan.steps, start=1)}
    width = len(str(len(numbers)))
    for step in plan.steps:
        after = ", ".join(str(number) for number in sorted(numbers[need] for need in step.needs))
        yield f"  {numbers[step.id]:>{width}}. {describe_step(step)}" + (f"  [after {after}]" if after else "")
    for skipped in plan.skipped:
        yield f"  skipped: {_name_migration(skipped)}: {skipped.why}"
    yield from (f"  skipped: {skipped.id}: {skipped.why}" for skipped in plan.skipped_jobs)


def describe_step(step: Step) -> str:
    """Say in a line what a step does: `migrate shop (schema): image changed`."""
    match step:
        case RunJob():
            return f"run {step.id}: {step.why}" + (" (the deploy waits for its end)" if step.awaits_end else "")
        case Apply():
            return f"apply {step.id}"
        case Migrate():
            return f"migrate {step.id}: {step.why}" + _describe_staged(step)
        case RollOut():
            return f"roll out {step.id}" + (f" (may restart: {_describe_moving(step)})" if step.moving else "")
        case AwaitOldPods():
            return f"wait until the old pods of {step.application} are gone"
        case Delete():
            return step.id
    assert_never(step)


def list_restarts(plan: Plan) -> Iterator[str]:
    """Say of each workload why its pods may restart though the values don't change them."""
    for step in plan.steps:
        if isinstance(step, RollOut) and step.moving:
            yield f"{step.application} may restart: {_describe_moving(step)}"


def _describe_moving(step: RollOut) -> str:
    several = len(step.moving) > 1
    return (
        f"image{'s' * several} {', '.join(step.moving)} may have moved under {'their tags' if several else 'its tag'}"
    )


def _describe_staged(step: Migrate) -> str:
    copies = f"{len(step.staged)} staged {'copy' if len(step.staged) == 1 else 'copies'}"
    return f" (reads {copies} of its configuration)" if step.staged else ""


def _name_migration(skipped: Skipped) -> str:
    return f"{skipped.application}/migrations" + (f"/{skipped.step}" if skipped.step else "")
