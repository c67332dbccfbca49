"""Finds out which image a tag means now, where no pod of this run has it yet.

Only nodes know how to pull an image, and tell of the one that they have for a pod. So a Job of it is made whose command
is not in the image: its container is made, which tells the id, and never starts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from ks_universal.engine.cancellation import run_to_completion
from ks_universal.errors import KsUniversalError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE, MANAGED_BY
from ks_universal.plan.moving import list_serving
from ks_universal.plan.release import pod_of
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import JOB
from ks_universal.targets.kubernetes.migration.jobs import remove_job
from ks_universal.targets.kubernetes.objects.image_ids import find_moved, list_image_ids
from ks_universal.targets.kubernetes.objects.own_objects import find_stranger
from ks_universal.targets.kubernetes.objects.ownership import digest
from ks_universal.targets.kubernetes.observed.issues import find_issue
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pods import is_finished, owner

_PATIENCE_S = 300
_GONE_AFTER_S = 60
_NO_COMMAND = "/ks-universal/only-looks-which-image-this-is"
_OF_POD = (
    "serviceAccountName",
    "imagePullSecrets",
    "nodeSelector",
    "tolerations",
    "securityContext",
    "priorityClassName",
    "runtimeClassName",
)
"""What decides whether a pod may be, where it runs, and how its image is pulled."""
_OF_CONTAINER = ("name", "image", "imagePullPolicy", "securityContext", "resources")


async def find_moved_images(
    live: Json, observer: Observer, image_ids: Mapping[str, str], look_up: Callable[[str], Awaitable[str]]
) -> dict[str, str]:
    """Find the images of which a workload's pods have other ids than these; `look_up` is asked where one is empty."""
    if not image_ids:
        return {}
    await observer.start(live["kind"])
    key: WorkloadKey = (live["kind"], live["metadata"]["name"])

    def find(ids: Mapping[str, str]) -> dict[str, str]:
        return find_moved(live, ids, observer.revisions(live), observer.pods(key))

    unknown = find(dict.fromkeys(image_ids, ""))
    looked = {image: await look_up(image) for image in unknown if not image_ids[image]}
    known = {image: looked.get(image, id_) for image, id_ in image_ids.items() if id_ or image in looked}
    return find(known)


async def look_up_image(client: Client, observer: Observer, workload: Json, image: str) -> str | None:
    """Give the id that an image of a workload has now; None where that cannot be found out."""
    body = build_look(workload, image)
    old = await client.get(JOB, body["metadata"]["name"])
    if old is not None and find_stranger(old, body) is None:  # a killed run has left it
        await remove_job(client, observer, old)
    try:
        job = await client.create(JOB, body)
    except ApiError:  # another's has the name, or there is no place for it
        return None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await _read_id(observer, job, image)
    except TimeoutError:
        return None
    finally:
        with contextlib.suppress(KsUniversalError):
            await run_to_completion(client.delete(JOB, job["metadata"]["name"], uid=job["metadata"]["uid"]))


async def _read_id(observer: Observer, job: Json, image: str) -> str | None:
    """Wait until a pod of the Job tells the id; None where it will not: who needs the image next says why."""
    topic: WorkloadKey = ("Job", job["metadata"]["name"])
    with observer.follow(topic) as changed:
        while True:
            changed.clear()
            pods = [pod for pod in observer.pods(topic) if owner(pod)[2] == job["metadata"]["uid"]]
            for pod in pods:
                found = dict(list_image_ids(pod, pod_of(job)["containers"])).get(image)
                if found or is_finished(pod) or find_issue(pod, observer.events(pod)) is not None:
                    return found
            await changed.wait()
            observer.check()


def build_look(workload: Json, image: str) -> Json:
    """Build the Job: of the workload's pod what concerns the image, and whether and where such a pod may be."""
    pod, metadata = pod_of(workload), workload["metadata"]
    container = next(each for each in list_serving(pod) if each["image"] == image)
    name = f"{metadata['name'][:40]}-image-{digest({'image': image})[:8]}"
    labels = {key: metadata["labels"][key] for key in (MANAGED_BY, INSTANCE)}
    place = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    nodes = {"nodeAffinity": pod["affinity"]["nodeAffinity"]} if "nodeAffinity" in pod.get("affinity", {}) else {}
    spec = {
        **_pick(pod, _OF_POD),
        **({"affinity": nodes} if nodes else {}),
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "containers": [{**_pick(container, _OF_CONTAINER), "command": [_NO_COMMAND]}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **place, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _PATIENCE_S,
            "ttlSecondsAfterFinished": _GONE_AFTER_S,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _pick(body: Json, keys: tuple[str, ...]) -> Json:
    return {key: body[key] for key in keys if key in body}
