"""Gets the images of a release before anything of it changes: those that are built here, and those that are pulled."""

from collections.abc import Iterator
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, LogWritten
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.model.format.images import find_entry
from ks_universal.model.format.local import Local
from ks_universal.resources.images import list_containers, list_running, replace_images
from ks_universal.resources.objects import Rendered
from ks_universal.targets.containers.building import build_image
from ks_universal.targets.containers.client import Client
from ks_universal.targets.containers.images import HELPER, Images, read_policy
from ks_universal.targets.local.hosting import PodFailed

_SOURCE = "images"


async def prepare_images(
    client: Client, images: Images, rendered: Rendered, local: Local, directory: Path, emit: Emit
) -> Rendered:
    """Build and pull what a release runs with, and give it with the ids of the images that were built.

    Raises InputError for all that cannot be had.
    """
    rendered = await _build(client, images, rendered, local, directory, emit)
    await _pull(images, rendered, emit)
    return rendered


async def _build(
    client: Client, images: Images, rendered: Rendered, local: Local, directory: Path, emit: Emit
) -> Rendered:
    """Build the images; each counts by its id from then on: another one is another version, whatever its tag is."""
    names = {container["image"] for body in rendered.bodies for container in list_containers(body)}
    builds = {name: build for name in sorted(names) if (build := find_entry(local.build, name)) is not None}
    built: dict[str, str] = {}
    problems: list[Problem] = []
    for name, build in builds.items():

        def say(line: str, name: str = name) -> None:
            emit(LogWritten(source=name, line=line))

        found = await build_image(client, name, build, directory, say)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            built[name] = images.take_built(name, found)
    if problems:
        raise InputError(problems)
    return replace_images(rendered, built)


async def _pull(images: Images, rendered: Rendered, emit: Emit) -> None:
    def say(what: str) -> None:
        emit(LogWritten(source=_SOURCE, line=f"waits for {what}"))

    problems: dict[Problem, None] = {}
    for name, image, policy in (("of the pod", HELPER, "IfNotPresent"), *_list_wanted(rendered)):
        try:
            await images.ensure(name, image, policy, say)
        except PodFailed as failure:
            problems |= dict.fromkeys(failure.causes)
    if problems:
        raise InputError(tuple(problems))


def _list_wanted(rendered: Rendered) -> Iterator[tuple[str, str, str]]:
    """List the containers that run: name, image and policy."""
    for body in list_running(rendered):
        yield from map(_read, list_containers(body))


def _read(container: Json) -> tuple[str, str, str]:
    return container["name"], container["image"], read_policy(container)
