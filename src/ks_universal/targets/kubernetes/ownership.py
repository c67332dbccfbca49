"""Whose an object is, and whether it is already as it should be. Pure functions of objects."""

import hashlib
from typing import Any

import msgspec

from ks_universal.diagnostics import Problem

Json = dict[str, Any]

MANAGED_BY = "app.kubernetes.io/managed-by"
INSTANCE = "app.kubernetes.io/instance"
PROGRAM = "ks-universal"
APPLIED = "ks-universal.io/applied"
"""The annotation with the digest of what was applied last: it tells of fields that left, the object does not."""


def belongs_to(live: Json, release: str) -> bool:
    """Tell whether an object carries the labels that this program gives to a release's objects."""
    labels = live["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == PROGRAM and labels.get(INSTANCE) == release


def find_foreign(live: Json | None, release: str) -> Problem | None:
    """The finding for an object that another owner has made; None where there is none, or it is the release's."""
    if live is None or belongs_to(live, release):
        return None
    labels = live["metadata"].get("labels") or {}
    owner = labels.get(MANAGED_BY) or _first_manager(live)
    instance = f" for {labels[INSTANCE]}" if INSTANCE in labels else ""
    return Problem(
        "kubernetes/foreign-object",
        f"{live['kind']}/{live['metadata']['name']} exists and was made by {owner}{instance}",
        hint="take it over with --take-ownership, or give yours another name",
    )


def mark(body: Json) -> Json:
    """Return the object with the digest of what it is, as it is to be applied."""
    metadata = body["metadata"]
    annotations = {**(metadata.get("annotations") or {}), APPLIED: digest(body)}
    return {**body, "metadata": {**metadata, "annotations": annotations}}


def is_as_applied(live: Json | None, marked: Json) -> bool:
    """Tell whether applying would change nothing: same digest, and each field still has the value that it was given."""
    if live is None or "deletionTimestamp" in live["metadata"]:
        return False
    annotations = live["metadata"].get("annotations") or {}
    return annotations.get(APPLIED) == marked["metadata"]["annotations"][APPLIED] and contains(live, marked)


def contains(live: object, wanted: object) -> bool:
    """Tell whether all that is wanted is there; lists element by element, as the API server keeps their order."""
    if live is None:
        return not wanted  # the API server leaves out what is empty
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(contains(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(contains, live, wanted))
    return live == wanted


def _first_manager(live: Json) -> str:
    managers = live["metadata"].get("managedFields") or [{}]
    return str(managers[0].get("manager") or "somebody")


def digest(body: Json) -> str:
    """The digest of an object or of a part of one; the order of keys does not count."""
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()[:32]
