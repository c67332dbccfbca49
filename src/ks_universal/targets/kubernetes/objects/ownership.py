"""Whose an object is, and whether it is already as it should be. Pure functions of objects."""

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.digests import digest_json
from ks_universal.json_types import Json
from ks_universal.metadata_keys import APPLIED, INSTANCE, MANAGED_BY, PROGRAM, RELEASE_NAMESPACE
from ks_universal.resources.objects import annotate


class Owner(msgspec.Struct, frozen=True):
    """A release: its name and its namespace, which is where its record and its lock are."""

    release: str
    namespace: str


def belongs_to(live: Json, owner: Owner) -> bool:
    """Tell whether an object carries what this program gives to a release's objects."""
    metadata = live["metadata"]
    labels = metadata.get("labels") or {}
    home = (metadata.get("annotations") or {}).get(RELEASE_NAMESPACE) or metadata.get("namespace")
    return (labels.get(MANAGED_BY), labels.get(INSTANCE), home) == (PROGRAM, owner.release, owner.namespace)


def find_foreign(live: Json | None, owner: Owner) -> Problem | None:
    """The finding for an object that another owner has made; None where there is none, or it is the release's."""
    if live is None or belongs_to(live, owner):
        return None
    metadata = live["metadata"]
    place = "" if metadata.get("namespace", owner.namespace) == owner.namespace else f" in {metadata['namespace']}"
    return Problem(
        "kubernetes/foreign-object",
        f"{live['kind']}/{metadata['name']}{place} exists and was made by {name_maker(live)}",
        hint="take it over with --take-ownership, or give yours another name",
    )


def mark(body: Json, owner: Owner) -> Json:
    """Return the object with the digest of what it is, and with its home if that is not where it is, to be applied."""
    return annotate(body, {APPLIED: digest(body), **home_of(body, owner)})


def home_of(body: Json, owner: Owner) -> dict[str, str]:
    """The annotation that an object has which is not in its release's namespace; nothing for the others."""
    away = body["metadata"].get("namespace") != owner.namespace
    return {RELEASE_NAMESPACE: owner.namespace} if away else {}


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


def name_maker(live: Json) -> str:
    """Say who made an object: by its labels, else by who manages its fields."""
    labels = live["metadata"].get("labels") or {}
    managers = live["metadata"].get("managedFields") or [{}]
    maker = labels.get(MANAGED_BY) or managers[0].get("manager") or "somebody"
    return f"{maker} for {labels[INSTANCE]}" if INSTANCE in labels else str(maker)


def digest(body: Json) -> str:
    """The digest of an object or of a part of one; the order of keys does not count."""
    return digest_json(body, 32)
