"""Images that may have moved under their tag: pods must not stay on one that a migration did not run with.

Which image a tag stands for is known as soon as a migration's pod has it: a rollout after that restarts pods that have
another one. Where only migrations after the rollout run an image, nobody knows it in time, and the pods restart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ks_universal.model.migrations import Phase
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.plan.release import pod_of
from ks_universal.plan.steps import Migrate, RollOut, Step
from ks_universal.resources.containers import find_pull_policy
from ks_universal.resources.objects import Json, identity


def find_moving(containers: Iterable[Json]) -> Iterator[str]:
    """Find the images of containers that the nodes pull anew."""
    return (container["image"] for container in containers if _may_move(container))


def mark_moving(steps: Sequence[Step], state: State, resumed: Revision | None) -> tuple[Step, ...]:
    """Give a plan's steps, in its order, with the images that may have moved under the pods of each rollout.

    They are those of the migrations before it, also of those that `resumed` has done, and of post migrations after it.
    """
    run = {step.id: set(_list_run(step)) for step in steps}
    before = _gather(steps, {step.id: step.needs for step in steps}, run)
    after = _gather(steps[::-1], _turn(steps), {s.id: run[s.id] for s in steps if _is_post(s)})
    done = set() if resumed is None else set(_list_done(resumed))
    return tuple(
        _mark(step, done | before[step.id] | after[step.id], state) if isinstance(step, RollOut) else step
        for step in steps
    )


def _mark(step: RollOut, images: set[str], state: State) -> RollOut:
    """Mark a rollout. Only pods that have the image already can have another one of its name."""
    live = state.objects.get(identity(step.body))
    if not images or live is None:
        return step
    running = {container["image"] for container in list_serving(pod_of(live))}
    moving = dict.fromkeys(find_moving(list_serving(pod_of(step.body))))
    return msgspec.structs.replace(step, moving=tuple(image for image in moving if image in images & running))


def list_serving(pod: Json) -> Iterator[Json]:
    """List the containers of a pod that run as long as it does: not those that only prepare it."""
    yield from pod["containers"]
    yield from (each for each in pod.get("initContainers") or () if each.get("restartPolicy") == "Always")


def _list_run(step: Step) -> Iterator[str]:
    """List the images that a migration runs and that may have moved."""
    return find_moving(pod_of(step.migration.body)["containers"]) if isinstance(step, Migrate) else iter(())


def _list_done(revision: Revision) -> Iterator[str]:
    """List the images of migrations that have succeeded in a run."""
    for record in revision.steps:
        if record.outcome is Outcome.SUCCEEDED and record.attempts:
            yield from record.attempts[-1].image_ids


def _is_post(step: Step) -> bool:
    return isinstance(step, Migrate) and step.migration.phase is Phase.POST


def _gather(
    steps: Iterable[Step], needs: Mapping[str, Iterable[str]], images: Mapping[str, set[str]]
) -> dict[str, set[str]]:
    """Gather for each step the images of all that it needs, directly or not; `steps` come after what they need."""
    found: dict[str, set[str]] = {}
    for step in steps:
        found[step.id] = set().union(*(found[need] | images.get(need, set()) for need in needs[step.id]))
    return found


def _turn(steps: Iterable[Step]) -> dict[str, list[str]]:
    """Give for each step those that need it."""
    needed_by: dict[str, list[str]] = {step.id: [] for step in steps}
    for step in steps:
        for need in step.needs:
            needed_by[need].append(step.id)
    return needed_by


def _may_move(container: Json) -> bool:
    """Tell whether another image may stand under the name."""
    image: str = container["image"]
    return "@" not in image and bool(container.get("imagePullPolicy", find_pull_policy(image)) == "Always")
