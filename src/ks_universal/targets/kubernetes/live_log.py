"""The log of a migration that runs now, for whoever looks on; the values of the release's Secrets are masked."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2

from ks_universal.engine.masking import Mask
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.kinds import JOB, POD, SECRET
from ks_universal.targets.kubernetes.live import read_secrets
from ks_universal.targets.kubernetes.ownership import INSTANCE
from ks_universal.targets.kubernetes.pods import created, is_finished
from ks_universal.targets.kubernetes.refusals import Refusal
from ks_universal.targets.kubernetes.staging import may_run

Json = dict[str, Any]

_PAUSE_S = 0.5


async def follow_job(client: Client, release: str, job: str, take: Callable[[str], None]) -> bool:
    """Give the lines of a Job's pods as they come, until the Job has ended; False where there is no such Job.

    Needs the right to read Secrets: what cannot be masked is not shown (Refusal).
    """
    secrets = await client.list(SECRET, labels=f"{INSTANCE}={release}")
    seen: set[str] = set()
    while (found := await client.get(JOB, job)) is not None:
        mask = Mask((*secrets.items, *await read_secrets(client, [{**found, "kind": "Job"}])))
        for pod in sorted((await client.list(POD, labels=f"job-name={job}")).items, key=created):
            if pod["metadata"]["name"] not in seen and await _follow_pod(client, pod, mask, take):
                seen.add(pod["metadata"]["name"])
        if not may_run(found):
            return True
        await asyncio.sleep(_PAUSE_S)
    return bool(seen)


async def _follow_pod(client: Client, pod: Json, mask: Mask, take: Callable[[str], None]) -> bool:
    """Give the lines of the container that migrates; False where it has not begun, and may."""
    parameters = {"container": pod["spec"]["containers"][0]["name"], "follow": "true"}
    try:
        async with client.stream(POD.path(client.namespace, pod["metadata"]["name"], "log"), parameters) as lines:
            async for line in lines:
                take(mask.text(line.decode(errors="replace")))
    except Refusal as refusal:
        if refusal.code in {401, 403}:
            raise
        return is_finished(pod)
    except httpx2.TransportError:
        return True
    return True
