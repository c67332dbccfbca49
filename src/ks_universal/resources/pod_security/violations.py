"""What a control of the Pod Security Standards finds, and how the controls look at a pod."""

from collections.abc import Iterator

import msgspec

from ks_universal.resources.objects import Json


class Holder(msgspec.Struct, frozen=True):
    """A container or, with an empty `place`, the pod itself; `place` is the pod's list that the container is in."""

    body: Json
    place: str = ""

    @property
    def name(self) -> str:
        """The container's name; empty for the pod."""
        name: str = self.body["name"] if self.place else ""
        return name

    @property
    def context(self) -> Json:
        """What the `securityContext` says; empty where there is none."""
        context: Json = self.body.get("securityContext") or {}
        return context


class Violation(msgspec.Struct, frozen=True):
    """`clause` says what is wrong with the holder, `field` (below the holder) is what to change."""

    control: str
    holder: Holder
    clause: str
    field: str


def list_containers(pod: Json) -> Iterator[Holder]:
    """List the containers of a pod, those first that start first."""
    for place in ("initContainers", "containers"):
        yield from (Holder(container, place) for container in pod.get(place) or ())


def list_holders(pod: Json) -> Iterator[Holder]:
    """List whoever may have a `securityContext`: the pod, then its containers."""
    yield Holder(pod)
    yield from list_containers(pod)


def has_own_users(pod: Json) -> bool:
    """Tell whether root in the pod is nobody on the node (user namespaces): some controls are relaxed then."""
    return pod.get("hostUsers") is False
