"""What a control of the Pod Security Standards finds, and how the controls look at a pod."""

from collections.abc import Iterator

import msgspec

from ks_universal.json_types import Json
from ks_universal.values.nodes import Path


class Holder(msgspec.Struct, frozen=True):
    """A container or the pod itself; `path` is where it is in the pod template."""

    body: Json
    path: Path = ("spec",)

    def __str__(self) -> str:
        return f"container {self.body['name']}" if len(self.path) > 1 else "the pod"

    @property
    def context(self) -> Json:
        """What the `securityContext` says; empty where there is none."""
        context: Json = self.body.get("securityContext") or {}
        return context


class Violation(msgspec.Struct, frozen=True):
    """`clause` says what is wrong with the holder, `field` (the path below the holder) is what to change."""

    code: str
    holder: Holder
    clause: str
    field: Path


def list_containers(pod: Json) -> Iterator[Holder]:
    """List the containers of a pod, those first that start first."""
    for place in ("initContainers", "containers"):
        containers = pod.get(place) or ()
        yield from (Holder(container, ("spec", place, index)) for index, container in enumerate(containers))


def list_holders(pod: Json) -> Iterator[Holder]:
    """List whoever may have a `securityContext`: the pod, then its containers."""
    yield Holder(pod)
    yield from list_containers(pod)


def has_own_users(pod: Json) -> bool:
    """Tell whether root in the pod is nobody on the node (user namespaces): some controls are relaxed then."""
    return pod.get("hostUsers") is False
