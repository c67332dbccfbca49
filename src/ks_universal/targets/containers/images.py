"""The images of a release: looked at, and pulled as their containers ask."""

import asyncio
import json
from collections.abc import Callable

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.format.images import split_image
from ks_universal.targets.containers.client import Client, ClientError
from ks_universal.targets.containers.pods import Image, read_image
from ks_universal.targets.local.hosting import PodFailed

HELPER = "docker.io/library/busybox:1.37"
"""Holds the network of a pod, which ends with the container that has it: none of the pod's own may be that one."""


class Images:
    """Images as they were last looked at. An engine is asked once, and again after a pull."""

    def __init__(self, client: Client) -> None:
        """Take the engine's client."""
        self._client = client
        self._known: dict[str, Image] = {}
        self._pulled: set[str] = set()
        self._pulling = asyncio.Lock()
        self._built: dict[str, str] = {}

    def take_built(self, image: str, image_id: str) -> str:
        """Take an image that was built, and give the name by which it is this one, and not what a later build makes."""
        name = f"{image}@{image_id}"
        self._built[name] = image_id
        return name

    def locate(self, image: str) -> str:
        """Give what the engine calls an image: the name of one that was built tells more than it knows."""
        return self._built.get(image, image)

    def get(self, image: str) -> Image | None:
        """Give an image that was looked at; None where it is not here."""
        return self._known.get(image)

    async def look_at(self, image: str) -> Image | None:
        """Look at an image; None where it is not here.

        One that an earlier program built has its id where others have the digest of their registry.
        """
        if image not in self._known:
            _, _, digest = split_image(image)
            for name in (self.locate(image), *([digest] if digest else [])):
                found = await self._client.find("image", "inspect", "--format", "{{json .Config}}", name)
                if found is not None:
                    self._known[image] = read_image(json.loads(found) or {})
                    self._built |= {image: name} if name != image else {}
                    break
        return self._known.get(image)

    async def ensure(self, container: str, image: str, policy: str, say: Callable[[str], None]) -> Image:
        """Give an image that is here, pulled if it has to be. Raises PodFailed.

        With `Always` it is pulled once a run, if it names a registry: else it was made here. One that cannot be
        pulled anew is taken as it is.
        """
        async with self._pulling:
            found = await self.look_at(image)
            is_moving = policy == "Always" and image not in self._pulled and _names_registry(self.locate(image))
            if found is not None and not is_moving:
                return found
            if policy == "Never":
                raise PodFailed((_not_here(container, image),))
            say(f"image {image} to be pulled")
            self._pulled.add(image)
            try:
                await self._client.call_until_cancelled("pull", "--quiet", image)
            except ClientError as error:
                if found is not None:
                    say(f"image {image}, which is used as it is here: {error.message}")
                    return found
                raise PodFailed((_not_pulled(container, image, error),)) from None
            self._known.pop(image, None)
            found = await self.look_at(image)
            if found is None:
                raise PodFailed((_not_here(container, image),))
            return found


def read_policy(container: Json) -> str:
    """Read a container's `imagePullPolicy`, with Kubernetes' default."""
    _, tag, digest = split_image(container.get("image") or "")
    default = "IfNotPresent" if digest or tag not in ("", "latest") else "Always"
    return str(container.get("imagePullPolicy") or default)


def find_absence(container: Json) -> Problem | None:
    """Say that an image, which is not here, is not to be pulled."""
    return _not_here(container["name"], container["image"]) if read_policy(container) == "Never" else None


def _names_registry(image: str) -> bool:
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first)


def _not_here(container: str, image: str) -> Problem:
    message = f"container {container}: image {image} is not here, and 'imagePullPolicy: Never' forbids to pull it"
    return Problem("local/image", message, hint="build it, or pull it")


def _not_pulled(container: str, image: str, error: ClientError) -> Problem:
    hint = "check its name and tag, build it here, or log in to its registry"
    return Problem("local/image", f"container {container}: image {image} cannot be pulled: {error.message}", hint=hint)
