"""Waits until an extra object is ready, and what its controller makes is there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.target import RolloutFailed
from ks_universal.json_types import Json
from ks_universal.metadata_keys import WAIT
from ks_universal.model.kubernetes.durations import parse_duration
from ks_universal.model.kubernetes.kind_names import group_of, is_unqualified
from ks_universal.model.kubernetes.makers import is_made_by_pods, list_made, read_annotation
from ks_universal.resources.objects import object_ref
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET, Kind
from ks_universal.targets.kubernetes.api.watch import Reflector
from ks_universal.targets.kubernetes.observed.conditions import READY, Readiness, has_reported, judge

_PATIENCE_S = 300.0
_FIRST_REPORT_S = 3.0
"""How long a controller has to report on what has just been made or changed, and to correct an earlier report."""
_PAUSE_S = 1.0
"""Until it looks again while the controller may not have reported yet: then a missing report counts."""
_UNWATCHED_S = 10.0
"""Until it looks again where no watch tells of a change: the role may not allow one."""
_SAY_AFTER_S = 2.0
_DEFINITION = "CustomResourceDefinition"
_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET)}


class Awaited(msgspec.Struct, frozen=True, kw_only=True):
    """An extra object as it was applied. `is_new`: this run has made or changed it."""

    step: str
    kind: Kind
    applied: Json
    is_new: bool
    say: Callable[[str], None]


async def await_ready(client: Client, awaited: Awaited) -> tuple[Json, ...]:
    """Wait until an object is ready; gives the Secrets that were made of it. Raises RolloutFailed."""
    applied, ref = awaited.applied, object_ref(awaited.applied)
    patience_s = _read_patience_s(applied)
    if patience_s == 0:
        return ()
    watched = [(awaited.kind, ref.name), *((_KINDS[kind], name) for kind, name in _list_awaited(applied))]
    began_s, said, live = now_s(), "", applied
    async with _watching(client, watched) as changed:
        while True:
            changed.clear()
            waited_s = now_s() - began_s
            made = {each: await _read(client, *each) for each in _list_awaited(live)}
            standing = await _find_standing(client, awaited, live, made, waited_s)
            if standing.is_ready:
                return tuple(body for body in made.values() if body and body["kind"] == "Secret")
            if waited_s >= (min(_FIRST_REPORT_S, patience_s) if standing.is_final else patience_s):
                raise RolloutFailed(awaited.step, (_describe(awaited, live, standing, waited_s),))
            if standing.why != said and waited_s >= _SAY_AFTER_S:
                awaited.say(f"it to be ready: {standing.why}")
                said = standing.why
            pause_s = _PAUSE_S if waited_s < _FIRST_REPORT_S else min(_UNWATCHED_S, patience_s - waited_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), pause_s)
            found = await client.get(awaited.kind, ref.name)
            if found is None:
                gone = Problem("kubernetes/object-not-ready", f"{ref} is gone", hint="see who has deleted it")
                raise RolloutFailed(awaited.step, (gone,))
            live = found


@contextlib.asynccontextmanager
async def _watching(client: Client, objects: Iterable[tuple[Kind, str]]) -> AsyncIterator[asyncio.Event]:
    """Give what is set when an object changes. A watch that fails sets nothing: what it hides is read anyway."""
    changed = asyncio.Event()

    async def watch(kind: Kind, name: str) -> None:
        copy = Reflector(client, kind, lambda _: changed.set(), labels=None, fields=f"metadata.name={name}")
        await copy.fill()
        await copy.run()

    tasks = [asyncio.create_task(watch(kind, name)) for kind, name in objects]
    try:
        yield changed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _find_standing(
    client: Client, awaited: Awaited, live: Json, made: Mapping[tuple[str, str], Json | None], waited_s: float
) -> Readiness:
    standing = judge({**live, "kind": awaited.kind.kind, "apiVersion": awaited.kind.api_version})
    if standing.is_ready:
        standing = _judge_made(made, live)
    return await _find_report(client, awaited, live, waited_s) if standing.is_ready else standing


def _list_awaited(live: Json) -> tuple[tuple[str, str], ...]:
    return () if is_made_by_pods(live) else list_made(live)


def _judge_made(made: Mapping[tuple[str, str], Json | None], live: Json) -> Readiness:
    missing = [f"{kind}/{name}" for (kind, name), body in made.items() if body is None]
    if not missing:
        return READY
    told = "its status does not say why" if has_reported(live) else "no controller has written a status"
    return Readiness(is_ready=False, why=f"{' and '.join(missing)} is not there, and {told}")


async def _find_report(client: Client, awaited: Awaited, live: Json, waited_s: float) -> Readiness:
    """Find what is missing to an object that says nothing against being ready."""
    is_others = not is_unqualified(group_of(awaited.kind.api_version))
    if awaited.is_new and is_others and not has_reported(live) and waited_s < _FIRST_REPORT_S:
        return Readiness(is_ready=False, why="no controller has written a status yet")
    return await _find_served(client, live) if awaited.kind.kind == _DEFINITION else READY


async def _find_served(client: Client, definition: Json) -> Readiness:
    """Find whether discovery tells of a kind yet, a moment after its definition is established."""
    spec = definition["spec"]
    version = next((v["name"] for v in spec["versions"] if v.get("served")), None)
    served = version is None or await client.find_kind(spec["names"]["kind"], f"{spec['group']}/{version}") is not None
    return Readiness(is_ready=served, why="the API server does not serve it yet")


async def _read(client: Client, kind: str, name: str) -> Json | None:
    """Read a Secret or ConfigMap; one that the role may not read counts as there."""
    try:
        found = await client.get(_KINDS[kind], name)
    except ApiError as error:
        if error.code != 403:
            raise
        return {"kind": kind}
    return None if found is None else {**found, "kind": kind}


def _read_patience_s(body: Json) -> float:
    written = read_annotation(body, WAIT)
    if written == "false":
        return 0.0
    return parse_duration(written or "") or _PATIENCE_S


def _describe(awaited: Awaited, live: Json, standing: Readiness, waited_s: float) -> Problem:
    ref = object_ref(awaited.applied)
    after = "" if standing.is_final else f" after {waited_s:.0f} s"
    first = "see" if has_reported(live) else "see whether its controller runs, and"
    place = ref.kind.lower(), ref.name
    hint = f"{first} kubectl describe {'/'.join(place)}; with the annotation {WAIT}: 'false' nobody waits for it"
    return Problem("kubernetes/object-not-ready", f"{ref} is not ready{after}: {standing.why}", hint=hint)
