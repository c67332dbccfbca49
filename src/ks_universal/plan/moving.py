"""Images that may have moved under their tag: pods must not stay on one that a migration did not run with.

Which image a tag stands for is known as soon as a migration's pod has it: a rollout after that restarts pods that have
another one. For a rollout before that the target has to find it out.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.images import split_image
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.plan.release import pod_of
from ks_universal.plan.steps import Migrate, RollOut, Step
from ks_universal.resources.containers import find_pull_policy
from ks_universal.resources.objects import object_ref


def find_moving(containers: Iterable[Json]) -> Iterator[str]:
    """Find the images of containers that the nodes pull anew."""
    return (container["image"] for container in containers if _may_move(container))


def mark_moving(steps: Sequence[Step], state: State, resumed: Revision | None) -> tuple[Step, ...]:
    """Give a plan's steps with the images that may have moved under the pods of each rollout.

    They are those of all migrations of the plan, also of those that `resumed` has done: the pods of a release are of
    one image, whether or not they wait for these.
    """
    images = set(() if resumed is None else _list_done(resumed)).union(*map(_list_run, steps))
    return tuple(_mark(step, images, state) if isinstance(step, RollOut) else step for step in steps)


def _mark(step: RollOut, images: set[str], state: State) -> RollOut:
    """Mark a rollout. Only pods that have the image already can have another one of its name."""
    live = state.objects.get(object_ref(step.body))
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


def _may_move(container: Json) -> bool:
    """Tell whether the name may mean another image."""
    image: str = container["image"]
    _, _, digest = split_image(image)
    return not digest and bool(container.get("imagePullPolicy", find_pull_policy(image)) == "Always")
