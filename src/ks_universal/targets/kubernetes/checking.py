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
    bodies = [_body(step) for step in plan.steps if isinstance(step, Apply | RollOut | Migrate)]
    found = await asyncio.gather(
        *(_check(client, body, live.get(identity(body)), release, force=force) for body in bodies)
    )
    return tuple(problem for problem in found if problem is not None)


def _body(step: Apply | RollOut | Migrate) -> Json:
    if not isinstance(step, Migrate):
        return step.body
    body = step.migration.body  # under a name of its own: a Job that exists cannot be changed, not even on trial
    name = f"{body['metadata']['name'][:50]}-{step.digest[:8].lower()}-try"
    return {**body, "metadata": {**body["metadata"], "name": name}}


async def _check(client: Client, body: Json, live: Json | None, release: str, *, force: bool) -> Problem | None:
    marked = mark(body)
    if live is not None and is_as_applied(live, marked):
        return None
    foreign = find_foreign(live, release)
    if foreign is not None and not force:
        return foreign
    kind = await client.find_kind(body["kind"], body["apiVersion"])
    if kind is None:
        message = f"the cluster does not know {body['apiVersion']} {body['kind']}"
        return Problem("kubernetes/unknown-kind", message, hint="install what defines it")
    try:
        await client.apply(kind, marked, force=force, dry_run=True)
    except Refusal as refusal:
        return refusal.problem
    return None
