"""Does what is to be done about a Release, by the rights of the account that it names, and says what became of it."""

import asyncio
import logging
import random
from collections.abc import Callable

import msgspec

from ks_universal.api.cluster import deploy, uninstall
from ks_universal.api.values import Values, check_release, render
from ks_universal.controller.access import Access
from ks_universal.controller.decisions import Action, Memory, is_left_open, read_status
from ks_universal.controller.drift import find_differences, is_repairable
from ks_universal.controller.ending import VALUES_PACE_S, Ending
from ks_universal.controller.finalizers import add_finalizer, is_ending, remove_finalizer
from ks_universal.controller.reading_values import MissingValuesError, Sources, load_sources, read_sources
from ks_universal.controller.releases import (
    DriftMode,
    Key,
    ReleaseSpec,
    digest_spec,
    key_of,
    read_spec,
    read_spec_to_delete,
)
from ks_universal.controller.reporting import Reporter
from ks_universal.controller.status import (
    LASTING,
    Condition,
    Reason,
    Type,
    cut_message,
    find_condition,
    say_progressing,
    say_ready,
    say_suspended,
)
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError, KsUniversalError, TargetError
from ks_universal.json_types import Json
from ks_universal.plan.records import Outcome, Revision
from ks_universal.resources.objects import read_template
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.migration.events import EventRecorder

_log = logging.getLogger(__name__)

_LOCK_WAIT_S = 3.0
"""How long a run may wait for the lock in the place of others; then it is tried again."""
_OF_VALUES = frozenset(("request/name", "request/nothing"))
"""What is found in the values only when objects are made of them."""
_LET_GO = (
    "it is tried again; where the account has lost its rights, give them back, or set spec.suspend: true to let the "
    "object go and leave what it has brought up"
)


class ReleaseRunner:
    """Carries releases out, each call one step of the life of one. `tell` takes what an operator is to know."""

    def __init__(self, client: Client, access: Access, tell: Callable[[str], None]) -> None:
        self._client = client
        self._access = access
        self._tell = tell
        self._recorder = EventRecorder(client)

    async def run(self, action: Action, body: Json, memory: Memory) -> None:
        """Do it. Raises TargetError where the status cannot be written; what else goes wrong is in the status."""
        report = Reporter(self._client, self._recorder, body, memory)
        match action:
            case Action.DEPLOY:
                await self._deploy(body, memory, report)
            case Action.CHECK:
                await self._check(body, memory, report)
            case Action.UNINSTALL:
                await self._uninstall(body, memory, report)
            case Action.SUSPEND:
                await self._suspend(body, memory, report)
            case Action.TELL:
                await report.write_again()
            case Action.NOTHING:
                pass

    async def close(self) -> None:
        """Write the last Events."""
        await self._recorder.close()

    async def _deploy(self, body: Json, memory: Memory, report: Reporter) -> None:
        key = key_of(body)
        ending = Ending(key, memory, report, self._tell)
        is_open = is_left_open(body, memory)
        try:
            spec = _read(body)
        except InputError as error:
            await ending.refuse(error)
            return
        await add_finalizer(self._client.within(key.namespace), body)
        begun = {"lastHandledReconcileAt": report.requested, "lastHandledSpec": digest_spec(body)}
        await report.write(say_progressing("reads its values"), step=None, **begun)
        try:
            sources = await read_sources(self._access.impersonate(key, spec), spec)
        except TargetError as error:
            await ending.give_up(error)
            return
        try:
            values = await asyncio.to_thread(load_sources, sources, key)
        except InputError as error:
            await ending.refuse(error, sources)
            return
        request = _name_request(body, report, sources)
        try:
            revision = await self._find_ended(key, spec, request) if is_open else None
            if revision is None:
                self._tell(f"{key}: carries out generation {memory.generation}")
                async with report.following():
                    revision = await self._run(values, key, spec, request, report)
        except KsUniversalError as error:
            if isinstance(error, InputError) and any(problem.code in _OF_VALUES for problem in error.problems):
                await ending.refuse(error, sources)
            else:
                await ending.give_up(error)
            return
        _plan_checks(spec, memory)
        await ending.close(revision, sources, _list_images(values, key))

    async def _find_ended(self, key: Key, spec: ReleaseSpec, request: str) -> Revision | None:
        """Find the run by which another controller has carried this out, and was killed before it could say so."""
        target = self._access.open(key, spec)
        try:
            latest = (await target.read_history()).revisions[-1:]
        finally:
            await target.close()
        return next((each for each in latest if each.request == request and each.outcome in LASTING), None)

    async def _run(self, values: Values, key: Key, spec: ReleaseSpec, request: str, report: Reporter) -> Revision:
        """Deploy; where drift is to be repaired, take back what others have taken of the release's own objects."""
        try:
            return await self._run_once(values, key, spec, request, report)
        except InputError as error:
            if spec.drift.mode is not DriftMode.REPAIR or not is_repairable(error.problems):
                raise
        return await self._run_once(values, key, spec, request, report, take_ownership=True)

    async def _run_once(
        self,
        values: Values,
        key: Key,
        spec: ReleaseSpec,
        request: str,
        report: Reporter,
        *,
        take_ownership: bool = False,
    ) -> Revision:
        target = self._access.open(key, spec, take_ownership=take_ownership)
        try:
            return await deploy(
                values,
                target,
                report,
                migrate=spec.migrate,
                by=f"controller, as {self._access.name_user(key, spec)}",
                request=request,
                lock_wait_s=_LOCK_WAIT_S,
                timeout_s=spec.timeout_s,
            )
        finally:
            await target.close()

    async def _suspend(self, body: Json, memory: Memory, report: Reporter) -> None:
        """Say that nothing new is begun. What is so stays said, unless the spec wants something else by now."""
        status = read_status(body, memory)
        is_same = status.get("lastHandledSpec") == digest_spec(body)
        await report.write(say_suspended(status, is_same=is_same), step=None)
        report.announce(Reason.SUSPENDED, "spec.suspend is true: nothing new is begun")
        self._tell(f"{key_of(body)}: is suspended")

    async def _check(self, body: Json, memory: Memory, report: Reporter) -> None:
        """Look whether the release is still what it was made of, and its objects as they were made."""
        key, status = key_of(body), read_status(body, memory)
        try:
            spec = _read(body)
        except InputError:
            memory.check_at = float("inf")
            return
        is_stuck = find_condition(status, Type.STALLED).get("reason") == Reason.ROLLOUT_FAILED
        is_due = memory.drift_at is not None and now_s() >= memory.drift_at
        _plan_checks(spec, memory, is_done=is_due)
        try:
            sources = await read_sources(self._access.impersonate(key, spec), spec)
            if sources.digest != status.get("lastHandledValues", "") or (is_stuck and is_due):
                await self._deploy(body, memory, report)
            elif is_due and spec.drift.mode is not DriftMode.IGNORE and not find_condition(status, Type.STALLED):
                await self._look_for_drift(body, sources, memory, report)
        except MissingValuesError:
            await self._deploy(body, memory, report)
        except KsUniversalError as error:  # it says nothing about the release: the next look will
            _log.info("%s could not be checked: %s", key, error)

    async def _look_for_drift(self, body: Json, sources: Sources, memory: Memory, report: Reporter) -> None:
        key, spec = key_of(body), read_spec(body)
        values = await asyncio.to_thread(load_sources, sources, key)
        target = self._access.open(key, spec)
        try:
            found = await find_differences(values, target, spec.migrate)
        finally:
            await target.close()
        if found.changed and spec.drift.mode is DriftMode.REPAIR and found.is_repairable:
            report.announce("Drifted", f"is repaired: {found.changed}", is_warning=True)
            self._tell(f"{key}: has drifted, and is repaired: {found.changed}")
            await self._deploy(body, memory, report)
            return
        told = cut_message("; ".join(filter(None, (found.changed, found.added))))
        status = read_status(body, memory)
        if told != find_condition(status, Type.DRIFTED).get("message", ""):
            drifted = (Condition(Type.DRIFTED, "True", Reason.DRIFTED, told),) if told else ()
            ready = find_condition(status, Type.READY)
            await report.write((*say_ready(ready.get("message", "")), *drifted))
            if told:
                Ending(key, memory, report, self._tell).warn(Reason.DRIFTED, told)

    async def _uninstall(self, body: Json, memory: Memory, report: Reporter) -> None:
        key, spec = key_of(body), read_spec_to_delete(body)
        place = self._client.within(key.namespace)
        if spec.suspend:
            self._tell(f"{key}: was deleted while it was suspended: what it has brought up stays")
            await self._let_go(place, body, memory)
            return
        await report.write(say_progressing("is being uninstalled", Reason.UNINSTALLING), step=None)
        report.announce("Uninstalling", "what it has brought up is removed" + _say_kept(spec))
        error = await self._try_uninstall(key, spec, report)
        if error is not None and not await is_ending(place):
            await Ending(key, memory, report, self._tell).give_up(error, Reason.UNINSTALL_FAILED)
            return
        self._tell(f"{key}: is uninstalled" if error is None else f"{key}: goes with its namespace")
        await self._let_go(place, body, memory)

    async def _let_go(self, place: Client, body: Json, memory: Memory) -> None:
        """Let the object go; nothing more is to be done about it, though the copy of it may lag behind."""
        await remove_finalizer(place, body)
        memory.retry_at = float("inf")

    async def _try_uninstall(self, key: Key, spec: ReleaseSpec, report: Reporter) -> KsUniversalError | None:
        """Remove what a release has brought up; gives what is in the way."""
        target = self._access.open(key, spec)
        by = f"controller, as {self._access.name_user(key, spec)}"
        try:
            async with report.following():
                revision = await uninstall(target, report, by=by, lock_wait_s=_LOCK_WAIT_S, timeout_s=spec.timeout_s)
        except InputError as error:
            is_unknown = any(problem.code == "release/unknown" for problem in error.problems)
            return None if is_unknown else error
        except TargetError as error:
            return TargetError(msgspec.structs.replace(error.problem, hint=_LET_GO))
        except KsUniversalError as error:
            return error
        finally:
            await target.close()
        if revision.outcome is Outcome.SUCCEEDED:
            return None
        causes = [cause for failure in revision.failures for cause in failure.causes]
        message = causes[0].message if causes else f"the run ended as {revision.outcome}"
        return TargetError(Problem(causes[0].code if causes else "run/failed", message, hint=_LET_GO))


def _read(body: Json) -> ReleaseSpec:
    check_release(body["metadata"]["name"])
    return read_spec(body)


def _name_request(body: Json, report: Reporter, sources: Sources) -> str:
    """Name what is carried out: the same name is the same wish, from the same Release."""
    metadata = body["metadata"]
    parts = [f"generation {metadata.get('generation', 1)} of Release {metadata['uid']}"]
    if sources.digest:
        parts.append(f"values {sources.digest}")
    if report.requested is not None:
        parts.append(f"requested at {report.requested}")
    return ", ".join(parts)


def _plan_checks(spec: ReleaseSpec, memory: Memory, *, is_done: bool = True) -> None:
    """Say when to look next; not for all releases at once."""
    interval_s = spec.interval_s * random.uniform(0.9, 1.1)  # noqa: S311 - spreads checks, guards no secret
    if is_done:
        memory.drift_at = now_s() + interval_s
    elif memory.drift_at is None:  # since the controller began
        memory.drift_at = now_s() + interval_s * random.random()  # noqa: S311
    values_at = now_s() + min(VALUES_PACE_S, interval_s) if spec.values_from else float("inf")
    memory.check_at = min(memory.drift_at, values_at)


def _list_images(values: Values, key: Key) -> list[str]:
    """List the images of what is rolled out, each once."""
    workloads = render(values, key.name, key.namespace).workloads.values()
    containers = (each for workload in workloads for each in read_template(workload.body)["spec"]["containers"])
    return list(dict.fromkeys(container["image"] for container in containers))


def _say_kept(spec: ReleaseSpec) -> str:
    return ", its data too" if spec.delete_data else "; its PersistentVolumeClaims stay"
