"""Containers that the cluster has put into a pod, such as a mesh's proxy: no part of its work, and nobody ends them.

A Job's pod ends when all of its containers have, so that such a one keeps a Job from its end for ever.
"""

from collections.abc import Collection, Iterable

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.metadata_keys import SUCCEEDED
from ks_universal.plan.records import Attempt
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import JOB
from ks_universal.targets.kubernetes.migration.jobs import may_run
from ks_universal.targets.kubernetes.observed.pods import (
    has_ended,
    has_succeeded,
    is_finished,
    read_containers,
    read_end,
)


def list_injected(pod: Json, template: Json) -> tuple[str, ...]:
    """List the containers of a pod that are not in its template; not native sidecars, which end with the others."""
    own = {container["name"] for container in template["spec"]["containers"]}
    return tuple(container["name"] for container in pod["spec"]["containers"] if container["name"] not in own)


def show_as_sidecars(pod: Json, injected: Collection[str]) -> Json:
    """Copy a pod so that its injected containers are what they should be: native sidecars."""
    if not injected:
        return pod
    spec, status = pod["spec"], pod.get("status", {})
    told = status.get("containerStatuses") or []
    sidecars = [{**each, "restartPolicy": "Always"} for each in spec["containers"] if each["name"] in injected]
    return {
        **pod,
        "spec": {
            **spec,
            "initContainers": [*(spec.get("initContainers") or ()), *sidecars],
            "containers": [each for each in spec["containers"] if each["name"] not in injected],
        },
        "status": {
            **status,
            "initContainerStatuses": [
                *(status.get("initContainerStatuses") or ()),
                *(each for each in told if each["name"] in injected),
            ],
            "containerStatuses": [each for each in told if each["name"] not in injected],
        },
    }


def find_held(pod: Json, injected: Collection[str]) -> tuple[str, ...]:
    """Find the injected containers that keep a pod from its end, whose work has succeeded or failed for good.

    `pod` is as `show_as_sidecars` gives it. One that is started again after a failure has not failed for good.
    """
    is_over = has_succeeded(pod) or (has_ended(pod) and pod["spec"].get("restartPolicy") == "Never")
    if is_finished(pod) or not is_over:
        return ()
    states = (state for state in read_containers(pod) if state.name in injected)
    return tuple(state.name for state in states if state.state != "terminated")


def fails_beside_its_work(pod: Json, injected: Collection[str]) -> bool:
    """Tell whether a pod whose work has succeeded will not: an injected container runs on, or has failed.

    `pod` is as `show_as_sidecars` gives it.
    """
    if not has_succeeded(pod):
        return False
    ends = (read_end(state) for state in read_containers(pod) if state.name in injected)
    return pod["status"].get("phase") == "Failed" or any(end is None or end.exit_code != 0 for end in ends)


def describe_held(names: tuple[str, ...]) -> Problem:
    """Say that injected containers had to be ended, and how they are kept away."""
    several = len(names) > 1
    message = (
        f"container{'s' * several} {', '.join(names)}, which the cluster had put into its pod, would have run on for"
        f" ever: {'they were' if several else 'it was'} ended"
    )
    hint = (
        "keep a mesh away by migrations.labels or migrations.annotations, of a job by podAnnotations"
        " (sidecar.istio.io/inject: 'false', linkerd.io/inject: disabled), or have it inject a native sidecar"
    )
    return Problem("kubernetes/injected-container", message, hint=hint, severity=Severity.WARNING)


def describe_unending(names: tuple[str, ...]) -> Problem:
    """Say that a Job of several pods does not come to its next one: to end this one would count as its failure."""
    message = f"its pod has done its work, and does not end, so that no other begins: {', '.join(names)} runs on in it"
    return msgspec.structs.replace(describe_held(names), message=message, severity=Severity.ERROR)


def has_been_ended(job: Json) -> bool:
    """Tell whether the Job's work is done, and it was stopped for what was injected."""
    return SUCCEEDED in (job["metadata"].get("annotations") or {})


def read_attempts(job: Json) -> tuple[Attempt, ...]:
    """Read the attempts of a Job that was stopped so, without their logs; none where an older version has done it."""
    try:
        return msgspec.json.decode(job["metadata"]["annotations"][SUCCEEDED], type=tuple[Attempt, ...])
    except msgspec.DecodeError:
        return ()


def _write_attempts(attempts: Iterable[Attempt]) -> str:
    """Write attempts without anything that may quote a log: nothing of it is masked yet."""
    brief = [
        Attempt(
            number=attempt.number,
            started=attempt.started,
            duration_s=attempt.duration_s,
            exit_code=attempt.exit_code,
            causes=attempt.causes if attempt.exit_code == 0 else (),
            image_ids=attempt.image_ids,
        )
        for attempt in attempts
    ]
    return msgspec.json.encode(brief).decode()


async def stop_succeeded(client: Client, job: Json, attempts: Iterable[Attempt]) -> None:
    """Have the controller end the pods of a Job whose work is done, and make no other; the Job stays for reading.

    Its attempts are noted on it: who is killed now may not have recorded them, and the pods go. A container that is
    told to stop may end with an error, which the controller counts as a failure of the pod.
    """
    patch = {
        "metadata": {"annotations": {SUCCEEDED: _write_attempts(attempts)}},
        "spec": {"suspend": True, "backoffLimit": job["spec"]["backoffLimit"] + 1},
    }
    if may_run(job) and not has_been_ended(job):
        await client.patch(JOB, job["metadata"]["name"], patch)
