"""What is sent to the API server for an object, given what is there; and the sending."""

import copy
from collections.abc import Mapping, Sequence

from ks_universal.engine.target import NO_IDS
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.resources.containers import find_pull_policy
from ks_universal.resources.objects import WORKLOAD_KINDS, object_ref, read_template
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.objects.crossings import (
    TEMPLATES,
    Crossing,
    asks_who_scales,
    find_conflict,
    find_crossings,
)
from ks_universal.targets.kubernetes.objects.field_owners import (
    Named,
    Path,
    correct_owners,
    find_owners,
    is_ours,
    read_field,
    write_field,
)
from ks_universal.targets.kubernetes.objects.image_ids import keep_note
from ks_universal.targets.kubernetes.objects.ownership import Owner, mark
from ks_universal.targets.kubernetes.objects.scaling import Scalers
from ks_universal.targets.kubernetes.objects.takeover import adopt
from ks_universal.targets.kubernetes.observed.pauses import apply_or_resume

_NONE_NAMED = "default"
"""The ServiceAccount of pods that name none."""


def build_applied(live: Json | None, body: Json, owner: Owner, *, moved: Mapping[str, str] = NO_IDS) -> Json:
    """Return an object as it is to be applied, where `live` is what exists of it.

    `moved`: the images that its pods have to have with other ids than they have, with these.
    """
    wanted = _renew_pull_policies(live, _leave_account(live, body))
    return mark(keep_note(live, adopt(live, wanted, owner), moved), owner)


async def read_crossings(client: Client, live: Json | None, marked: Json, scalers: Scalers) -> tuple[Crossing, ...]:
    """Find what has to change hands before an object is applied; asks for autoscalers only where that matters."""
    asks = asks_who_scales(live, marked)
    return find_crossings(
        live, marked, is_scaled=asks and await scalers.have(client, marked["kind"], marked["metadata"]["name"])
    )


async def apply_over(
    client: Client, kind: Kind, live: Json | None, marked: Json, crossings: Sequence[Crossing], *, force: bool
) -> Json:
    """Apply an object to what is there; first, what has to change hands does. Gives the object as it then is."""
    if live is not None and crossings:
        conflict = None if force else find_conflict(live, crossings)
        if conflict is not None:
            raise TargetError(conflict)
        for crossing in crossings:
            live = await correct_owners(client, kind, live, crossing.correct)
    return await apply_or_resume(client, kind, marked, force=force)


def _leave_account(live: Json | None, body: Json) -> Json:
    """Name the default ServiceAccount where another's name has left.

    Without a name the API server takes that of the deprecated field `serviceAccount`, its own copy, which nobody has
    applied and nothing removes (kubernetes#72519): the pods would go on asking for an account that is gone.
    """
    if (
        live is None
        or object_ref(body).kind not in WORKLOAD_KINDS
        or "serviceAccountName" in read_template(body)["spec"]
    ):
        return body
    if "serviceAccountName" not in read_template(live)["spec"]:
        return body
    named = copy.deepcopy(body)
    read_template(named)["spec"]["serviceAccountName"] = _NONE_NAMED
    return named


def _renew_pull_policies(live: Json | None, body: Json) -> Json:
    """Name the pull policy that follows from a new image, where the one that followed from the old image is another.

    The API server fills it in once: with the tag `latest` instead of `1.0`, pods would go on with what a node has.
    """
    if live is None or body["kind"] not in TEMPLATES:
        return body
    pod: Path = (*TEMPLATES[body["kind"]], "spec")
    for each in ("initContainers", "containers"):
        for container in read_field(body, (*pod, each)) or ():
            here = (*pod, each, Named(container["name"]))
            old, default = read_field(live, here), find_pull_policy(container["image"])
            is_stale = old and old["image"] != container["image"] and old["imagePullPolicy"] != default
            if is_stale and "imagePullPolicy" not in container and not _is_managed(live, (*here, "imagePullPolicy")):
                body = write_field(body, (*here, "imagePullPolicy"), default)
    return body


def _is_managed(live: Json, field: Path) -> bool:
    return any(not is_ours(entry) for entry in find_owners(live, field))
