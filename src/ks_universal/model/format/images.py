"""Image references: what `image` and `imageTag` are together."""

import re
from collections.abc import Mapping
from typing import TypeVar

_Entry = TypeVar("_Entry")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?/)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"{_DOMAIN}{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[a-z0-9+._-]+:[0-9a-fA-F]{{32,}})?", re.ASCII
)


def image_reference(image: str, tag: str | None) -> str:
    """Give the reference that a container takes: `image:tag`, or the image as it is without a tag."""
    return f"{image}:{tag}" if tag else image


def split_image(image: str) -> tuple[str, str, str]:
    """Split a reference into repository, tag and digest, each "" where it is not there: a registry's port is no tag."""
    named, _, digest = image.partition("@")
    folders, slash, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{folders}{slash}{name}", tag, digest


def has_tag(image: str) -> bool:
    """Tell whether an image names its version itself, by a tag or a digest."""
    _, tag, digest = split_image(image)
    return bool(tag or digest)


def is_tag(text: str) -> bool:
    """Tell whether a registry would take the text as a tag."""
    return _TAG.fullmatch(text) is not None


def is_image(text: str) -> bool:
    """Tell whether a container runtime would take the text as a reference, with or without tag and digest."""
    return len(text) <= 4096 and _REFERENCE.fullmatch(text) is not None


def find_entry(entries: Mapping[str, _Entry], image: str) -> _Entry | None:
    """Find the entry of a map by images: the one with the image's tag, else the one without; a digest tells nothing."""
    repository, _, _ = split_image(image)
    return entries.get(image.partition("@")[0]) or entries.get(repository)
