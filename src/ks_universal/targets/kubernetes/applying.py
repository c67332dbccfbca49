"""What is sent to the API server for an object, given what is there. Pure."""

import copy
from typing import Any

from ks_universal.resources.places import WORKLOADS, read_template
from ks_universal.targets.kubernetes.adoption import adopt
from ks_universal.targets.kubernetes.ownership import Owner, mark

Json = dict[str, Any]

_NONE_NAMED = "default"
"""The ServiceAccount of pods that name none."""


def build_applied(live: Json | None, body: Json, owner: Owner) -> Json:
    """Return an object as it is to be applied, where `live` is what exists of it."""
    return mark(adopt(live, _leave_account(live, body), owner), owner)


def _leave_account(live: Json | None, body: Json) -> Json:
    """Name the default ServiceAccount where another's name has left.

    Without a name the API server takes that of the deprecated field `serviceAccount`, its own copy, which nobody has
    applied and nothing removes (kubernetes#72519): the pods would go on asking for an account that is gone.
    """
    if live is None or body["kind"] not in WORKLOADS or "serviceAccountName" in read_template(body)["spec"]:
        return body
    if "serviceAccountName" not in read_template(live)["spec"]:
        return body
    named = copy.deepcopy(body)
    read_template(named)["spec"]["serviceAccountName"] = _NONE_NAMED
    return named
