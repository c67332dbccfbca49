"""Finds what the API server would refuse before anything is changed: a dry run of each change, all at once."""

import asyncio
from typing import Any

from ks_universal.diagnostics import Problem
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut
from ks_universal.resources.objects import Identity, identity
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.ownership import find_foreign, is_as_applied, mark
from ks_universal.targets.kubernetes.refusals import Refusal

Json = dict[str, Any]


async def check_plan(
    client: Client, plan: Plan, live: dict[Identity, Json], release: str, *, force: bool
) -> tuple[Problem, ...]:
    """Try the plan's changes without effect; return what is in their way, in the plan's order.

    `live` are the objects that exist. With `force`, other owners' objects and fields are no hindrance.
    """
    changes = [step for step in plan.steps if isinstance(step, Apply | RollOut | Migrate)]
    found = await asyncio.gather(*(_check(client, step, live, release, force=force) for step in changes))
    return tuple(problem for problem in found if problem is not None)


async def _check(
    client: Client, step: Apply | RollOut | Migrate, live: dict[Identity, Json], release: str, *, force: bool
) -> Problem | None:
    body = step.migration.body if isinstance(step, Migrate) else step.body
    existing = live.get(identity(body))
    foreign = find_foreign(existing, release)
    if foreign is not None and not force:
        return foreign
    if isinstance(step, Migrate):
        return await _try(client, _rename(body, step.digest), force=force)
    marked = mark(body)
    return None if is_as_applied(existing, marked) else await _try(client, marked, force=force)


def _rename(job: Json, digest: str) -> Json:
    """Give a Job a name for the trial: one that exists cannot be changed, not even without effect."""
    name = f"{job['metadata']['name'][:50]}-{digest[:8]}-try"
    return {**job, "metadata": {**job["metadata"], "name": name}}


async def _try(client: Client, body: Json, *, force: bool) -> Problem | None:
    kind = await client.find_kind(body["kind"], body["apiVersion"])
    if kind is None:
        message = f"the cluster does not know {body['apiVersion']} {body['kind']}"
        return Problem("kubernetes/unknown-kind", message, hint="install what defines it")
    try:
        await client.apply(kind, body, force=force, dry_run=True)
    except Refusal as refusal:
        return refusal.problem
    return None
