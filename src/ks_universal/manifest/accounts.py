"""The account of pods, for tools that remove what has left the values."""

from ks_universal.json_types import Json
from ks_universal.resources.objects import WORKLOAD_KINDS, find_template, object_ref, read_template

_ACCOUNT = "serviceAccountName"


def name_account(body: Json) -> Json:
    """Name the default account in a workload that names none, and that a tool may change; else it is as it was.

    The API server keeps the name that was there before in the deprecated field `serviceAccount`, which nobody removes
    (kubernetes#72519): new pods would ask for an account that has left the values, and is gone.
    """
    if object_ref(body).kind not in WORKLOAD_KINDS - {"Job"} or _ACCOUNT in read_template(body)["spec"]:
        return body
    return _put(body, (*find_template(body), "spec", _ACCOUNT))


def _put(value: Json, path: tuple[str, ...]) -> Json:
    key, *rest = path
    return {**value, key: _put(value[key], tuple(rest)) if rest else "default"}
