"""The images of a release: which there are, and the same release with others in their place."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ks_universal.json_types import Json
from ks_universal.resources.jobs import sign_job
from ks_universal.resources.objects import WORKLOAD_KINDS, Rendered, Resource, find_template, object_ref, read_template

_LISTS = ("initContainers", "containers")


def list_containers(body: Json) -> Iterator[Json]:
    """List the containers of an object's pods, init containers first; none for what has no pods."""
    if object_ref(body).kind in WORKLOAD_KINDS:
        spec = read_template(body)["spec"]
        for key in _LISTS:
            yield from spec.get(key) or ()


def list_images(rendered: Rendered) -> list[str]:
    """List the images of what a release runs: of workloads, migrations, and Jobs of the values; each once."""
    return list(
        dict.fromkeys(container["image"] for body in list_running(rendered) for container in list_containers(body))
    )


def list_running(rendered: Rendered) -> list[Json]:
    """List the objects whose pods run in a run: workloads that want any, Jobs of the values, migrations."""
    bodies = [each.body for each in rendered.objects if each.one_off is not None or each.is_rolled_out]
    bodies = [body for body in bodies if body["spec"].get("replicas") != 0]
    return [*bodies, *(each.body for each in rendered.migrations)]


def replace_images(rendered: Rendered, images: Mapping[str, str]) -> Rendered:
    """Give a release with other images, those of before being the keys; what runs then counts as changed."""
    objects = tuple(_replace_in(each, images) for each in rendered.objects)
    migrations = tuple(
        msgspec.structs.replace(
            each, body=_replace(each.body, images), undo=tuple(_replace(undo, images) for undo in each.undo)
        )
        for each in rendered.migrations
    )
    timeless = None if rendered.timeless is None else replace_images(rendered.timeless, images)
    return msgspec.structs.replace(rendered, objects=objects, migrations=migrations, timeless=timeless)


def _replace_in(resource: Resource, images: Mapping[str, str]) -> Resource:
    body = _replace(resource.body, images)
    if resource.one_off is not None and body is not resource.body:
        body = sign_job(body)
    return msgspec.structs.replace(resource, body=body)


def _replace(body: Json, images: Mapping[str, str]) -> Json:
    if not any(container.get("image") in images for container in list_containers(body)):
        return body
    return _replace_below(body, find_template(body), images)


def _replace_below(part: Json, path: tuple[str, ...], images: Mapping[str, str]) -> Json:
    if path:
        return {**part, path[0]: _replace_below(part[path[0]], path[1:], images)}
    lists = {
        key: [_replace_image(each, images) for each in part["spec"][key]] for key in _LISTS if part["spec"].get(key)
    }
    return {**part, "spec": {**part["spec"], **lists}}


def _replace_image(container: dict[str, Any], images: Mapping[str, str]) -> Json:
    image = container.get("image", "")
    return {**container, "image": images.get(image, image)}
