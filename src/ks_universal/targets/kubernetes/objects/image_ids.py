"""Images by their ids: which pods run another image than a migration did, and the note that restarts them.

The note is an annotation of the pod template, so that a rollout follows from it. It stays as long as the template names
the image, for without it the pods would restart once more. Pure functions of objects.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ks_universal.json_types import Json
from ks_universal.metadata_keys import IMAGE_IDS
from ks_universal.plan.moving import list_serving
from ks_universal.plan.release import pod_of
from ks_universal.resources.objects import APP_SECTIONS, annotate
from ks_universal.targets.kubernetes.observed.pods import is_finished, is_stopping, owner
from ks_universal.targets.kubernetes.observed.versions import new_pods


def list_image_ids(pod: Json, containers: Iterable[Json]) -> Iterator[tuple[str, str]]:
    """List images as these containers of a template name them, with the ids that they have in a pod made of it.

    By the containers' names: the status writes images in full, and an admission webhook may have put others into the
    pod. Of an id (`sha256:…`, `registry/shop@sha256:…`) it is the digest that counts. Without what is not pulled yet.
    """
    status = pod.get("status", {})
    states = (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ()))
    ids = {state["name"]: state.get("imageID", "").rpartition("@")[2] for state in states}
    return ((each["image"], ids[each["name"]]) for each in containers if ids.get(each["name"]))


def find_moved(live: Json, image_ids: Mapping[str, str], revisions: list[Json], pods: list[Json]) -> dict[str, str]:
    """Find the images, of those given with the ids that they are to have, of which a workload's pods have others.

    Those that the workload's note has are left out: its pods have restarted for them already.
    """
    if live["kind"] == "Deployment":
        templates = {each["metadata"]["uid"]: each["spec"]["template"]["spec"] for each in revisions}
    else:  # pods are the workload's own; what those of earlier versions were made of is not known
        templates, pods = {live["metadata"]["uid"]: pod_of(live)}, new_pods(live, revisions, pods)
    running = [pod for pod in pods if owner(pod)[2] in templates and not is_stopping(pod) and not is_finished(pod)]
    have = {pair for pod in running for pair in list_image_ids(pod, list_serving(templates[owner(pod)[2]]))}
    known = read_note(live)
    return {
        image: wanted
        for image, wanted in image_ids.items()
        if known.get(image) != wanted and any(name == image and id_ != wanted for name, id_ in have)
    }


def keep_note(live: Json | None, body: Json, moved: Mapping[str, str]) -> Json:
    """Return a workload with a note of what has `moved`, and of what is noted of images that it still names."""
    if body["kind"] not in APP_SECTIONS:
        return body
    template = body["spec"]["template"]
    named = {container["image"] for container in list_serving(template["spec"])}
    noted = {} if live is None else read_note(live)
    note = {image: id_ for image, id_ in {**noted, **moved}.items() if image in named}
    if not note:
        return body
    text = msgspec.json.encode(note, order="sorted").decode()
    spec = {**body["spec"], "template": annotate({"metadata": {}, **template}, {IMAGE_IDS: text})}
    return {**body, "spec": spec}


def read_note(workload: Json) -> dict[str, str]:
    """Read what is noted in a workload's template; nothing where somebody has made a note of another form."""
    metadata = workload["spec"]["template"].get("metadata") or {}
    try:
        return msgspec.json.decode((metadata.get("annotations") or {}).get(IMAGE_IDS, "{}"), type=dict[str, str])
    except msgspec.DecodeError:
        return {}
