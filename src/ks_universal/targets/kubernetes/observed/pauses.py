"""Paused Deployments: nothing of a new version rolls out until somebody resumes them."""

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.observed.readiness import is_settled

_FIELD = "spec.paused"


def find_pause(live: Json | None, body: Json, *, changes: bool) -> Problem | None:
    """Find that a Deployment will not roll out; `live` is what exists of it, and `changes` tells whether that changes.

    An error where somebody else has paused it, unless it changes nothing and all of it has rolled out; a warning where
    the values do. None where the values resume it: by `paused: false`, or because it was they that had paused it.
    """
    ref = f"Deployment/{body['metadata']['name']}"
    if body["kind"] != "Deployment":
        return None
    if body["spec"].get("paused"):
        message = f"{ref} is paused by its values: what changes of it does not roll out"
        hint = "what waits for its rollout is not done either; deploy it without 'paused' to go on"
        return Problem("kubernetes/paused", message, hint=hint, severity=Severity.WARNING)
    problem = None if live is None or "paused" in body["spec"] else find_foreign_pause(live)
    if live is None or problem is None:
        return None
    return problem if changes or not is_settled(live) else msgspec.structs.replace(problem, severity=Severity.WARNING)


def find_foreign_pause(live: Json) -> Problem | None:
    """Find that another than the values has paused a Deployment."""
    return describe_pause(live) if live["spec"].get("paused") and _list_pausers(live) != [FIELD_MANAGER] else None


def describe_pause(deployment: Json) -> Problem:
    """Say who has paused a Deployment, and how it is resumed."""
    name = deployment["metadata"]["name"]
    others = [manager for manager in _list_pausers(deployment) if manager != FIELD_MANAGER]
    by = f" (by {', '.join(others)})" if others else ""
    message = f"Deployment/{name} is paused{by}: nothing of it rolls out"
    return Problem("kubernetes/paused", message, hint=f"kubectl rollout resume deployment/{name}")


async def apply_or_resume(client: Client, kind: Kind, body: Json, *, force: bool, dry_run: bool = False) -> Json:
    """Apply an object; `paused: false` resumes a Deployment, whoever has paused it."""
    try:
        return await client.apply(kind, body, force=force, dry_run=dry_run)
    except ApiError as error:
        if error.fields != (_FIELD,) or body["spec"].get("paused") is not False:
            raise
        return await client.apply(kind, body, force=True, dry_run=dry_run)


def _list_pausers(deployment: Json) -> list[str]:
    """List the field managers that have `paused`."""
    entries = deployment["metadata"].get("managedFields") or ()
    found = (entry["manager"] for entry in entries if "f:paused" in entry.get("fieldsV1", {}).get("f:spec", {}))
    return list(dict.fromkeys(found))
