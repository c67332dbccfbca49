"""Image references: what `image` and `imageTag` are together."""

import re

from ks_universal.model.format.containers import Container
from ks_universal.model.format.migrations import Step

_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?/)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"{_DOMAIN}{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[a-z0-9+._-]+:[0-9a-fA-F]{{32,}})?", re.ASCII
)


def image_reference(image: str, tag: str | None) -> str:
    """Give the reference that a container takes: `image:tag`, or the image as it is without a tag."""
    return f"{image}:{tag}" if tag else image


def migration_image(container: Container, step: Step) -> tuple[str, str | None]:
    """Give the image and tag of a step: an own image comes with its own tag only."""
    if step.image is not None:
        return step.image, step.image_tag
    return container.image, container.image_tag if step.image_tag is None else step.image_tag


def has_tag(image: str) -> bool:
    """Tell whether an image names its version itself, by a tag or a digest."""
    return "@" in image or ":" in image.rpartition("/")[2]


def is_tag(text: str) -> bool:
    """Tell whether a registry would take the text as a tag."""
    return _TAG.fullmatch(text) is not None


def is_image(text: str) -> bool:
    """Tell whether a container runtime would take the text as a reference, with or without tag and digest."""
    return len(text) <= 4096 and _REFERENCE.fullmatch(text) is not None
