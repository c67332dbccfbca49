"""Does what is to be done about a Release, by the rights of the account that it names, and says what became of it."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import msgspec

from ks_universal.api.cluster import deploy, preview, uninstall
from ks_universal.api.cluster import read_status as read_release
from ks_universal.api.values import Values, check_release, render
from ks_universal.controller.decisions import Action, Memory, read_status
from ks_universal.controller.finalizers import add_finalizer, is_ending, remove_finalizer
from ks_universal.controller.reading_values import MissingValuesError, Sources, load_sources, read_sources
from ks_universal.controller.releases import (
    DriftMode,
    Key,
    ReleaseSpec,
    key_of,
    read_spec,
    read_spec_to_delete,
)
from ks_universal.controller.reporting import Reporter
from ks_universal.controller.status import (
    REASONS,
    Condition,
    Reason,
    Type,
    cut_message,
    describe_failure,
    describe_problems,
    find_condition,
    say_progressing,
    say_ready,
    say_retrying,
    say_stalled,
)
from ks_universal.diagnostics import Problem, Severity
from ks_universal.errors import InputError, KsUniversalError, LockedError, TargetError, TimedOutError
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.saved import Preview
from ks_universal.resources.objects import read_template
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.migration.events import EventRecorder
from ks_universal.targets.kubernetes.record.lease import Claim
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget

_log = logging.getLogger(__name__)

_VALUES_PACE_S = 60.0
"""How often at least is looked whether what `valuesFrom` names has changed."""
_LOCK_WAIT_S = 3.0
"""How long a run may wait for the lock in the place of others; then it is tried again."""
_MOST_LOCKED_PAUSE_S = 15.0
_MOST_MISSING_PAUSE_S = 30.0
_OF_VALUES = frozenset(("request/name", "request/nothing"))
"""What is found in the values only when objects are made of them."""
_LASTING = frozenset((Reason.MIGRATION_FAILED, Reason.ROLLOUT_FAILED))
"""The failures after which only a change helps; of the second kind it may be one of the cluster."""


class RunnerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """By whose rights releases are carried out that name no account; who takes their locks; how long these last."""

    default_account: str
    claim: Claim
    lease_s: int = 15


class ReleaseRunner:
    """Carries releases out, each call one step of the life of one. `tell` takes what an operator is to know."""

    def __init__(self, client: Client, options: RunnerOptions, tell: Callable[[str], None]) -> None:
        self._client = client
        self._options = options
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
                suspended = say_progressing("spec.suspend is true: nothing is deployed", Reason.SUSPENDED)
                await report.write(suspended[:1])
            case Action.TELL:
                await report.write_again()
            case Action.NOTHING:
                pass

    async def close(self) -> None:
        """Write the last Events."""
        await self._recorder.close()

    async def _deploy(self, body: Json, memory: Memory, report: Reporter) -> None:
        key = key_of(body)
        try:
            spec = self._read(body)
        except InputError as error:
            await self._end_invalid(error, key, memory, report)
            return
        await add_finalizer(self._client.within(key.namespace), body)
        await report.write(say_progressing("reads its values"), step=None, lastHandledReconcileAt=report.requested)
        client = self._impersonate(key, spec)
        try:
            sources = await read_sources(client, spec)
        except TargetError as error:
            await self._end_untimely(error, key, memory, report)
            return
        try:
            values = await asyncio.to_thread(load_sources, sources, key)
        except InputError as error:
            await self._end_invalid(error, key, memory, report, sources)
            return
        self._tell(f"{key}: carries out generation {memory.generation}")
        try:
            async with report.following():
                revision = await self._run(values, client, key, spec, report)
        except KsUniversalError as error:
            if isinstance(error, InputError) and any(problem.code in _OF_VALUES for problem in error.problems):
                await self._end_invalid(error, key, memory, report, sources)
            else:
                await self._end_untimely(error, key, memory, report)
            return
        self._plan_checks(spec, memory)
        await self._end(revision, values, sources, memory, report)

    async def _run(self, values: Values, client: Client, key: Key, spec: ReleaseSpec, report: Reporter) -> Revision:
        """Deploy; where drift is to be repaired, take back what others have taken of the release's own objects."""
        try:
            return await self._run_once(values, client, key, spec, report)
        except InputError as error:
            if spec.drift.mode is not DriftMode.REPAIR or not _is_repairable(error.problems):
                raise
        return await self._run_once(values, client, key, spec, report, take_ownership=True)

    async def _run_once(
        self,
        values: Values,
        client: Client,
        key: Key,
        spec: ReleaseSpec,
        report: Reporter,
        *,
        take_ownership: bool = False,
    ) -> Revision:
        target = self._open(client, key, spec, take_ownership=take_ownership)
        try:
            return await deploy(
                values,
                target,
                report,
                migrate=spec.migrate,
                by=f"controller, as {_name_account(key, self._find_account(spec))}",
                lock_wait_s=_LOCK_WAIT_S,
                timeout_s=spec.timeout_s,
            )
        finally:
            await target.close()

    async def _end(
        self, revision: Revision, values: Values, sources: Sources, memory: Memory, report: Reporter
    ) -> None:
        """Say how a run has ended that has a record."""
        key = Key(revision.namespace, revision.release)
        fields = {"revision": revision.number, "step": None, "lastHandledValues": sources.digest or None}
        if revision.outcome is Outcome.SUCCEEDED:
            memory.succeed()
            message = f"revision {revision.number} is up"
            images = _list_images(values, key)
            await report.write(say_ready(message), failure=None, images=images, **fields)
            report.announce("Succeeded", f"{message}: {', '.join(images)}")
            self._tell(f"{key}: {message}")
            return
        reason = REASONS.get(revision.outcome, Reason.FAILED)
        message = "; ".join(report.messages) or f"revision {revision.number} ended as {revision.outcome}"
        if reason in _LASTING:
            memory.succeed()
            conditions = say_stalled(reason, message)
        else:
            memory.fail(now_s())
            conditions = say_retrying(reason, message)
        await report.write(conditions, failure=report.failure, **fields)
        self._warn(key, report, reason, message)

    async def _end_invalid(
        self, error: InputError, key: Key, memory: Memory, report: Reporter, sources: Sources | None = None
    ) -> None:
        """Say what is wrong with the spec or the values: nothing was changed, and only another spec helps."""
        memory.succeed()
        digest = None if sources is None else sources.digest or None
        fields = {"step": None, "lastHandledReconcileAt": report.requested, "lastHandledValues": digest}
        message = describe_problems(error.problems)
        failure = describe_failure(_first_error(error))
        if sources is not None:
            memory.check_at = now_s() + _VALUES_PACE_S
        await report.write(say_stalled(Reason.INVALID, message), failure=failure, **fields)
        self._warn(key, report, Reason.INVALID, message)

    async def _end_untimely(
        self, error: KsUniversalError, key: Key, memory: Memory, report: Reporter, reason: Reason | None = None
    ) -> None:
        """Say why a run has not come to its end; it is tried again, the later the more often it failed."""
        reason, at_most_s = (reason, None) if reason is not None else _judge(error)
        memory.fail(now_s(), **({} if at_most_s is None else {"at_most_s": at_most_s}))
        if reason is Reason.LOCKED and report.holder:
            error = LockedError(key.name, report.holder)  # by whom, and not only for how long
        message = describe_problems(error.problems)
        failure = report.failure or describe_failure(_first_error(error))
        await report.write(say_retrying(reason, message), failure=failure, step=None)
        self._warn(key, report, reason, message)

    def _warn(self, key: Key, report: Reporter, reason: Reason, message: str) -> None:
        report.announce(reason, message, is_warning=True)
        self._tell(f"{key}: {reason}: {message}")

    async def _check(self, body: Json, memory: Memory, report: Reporter) -> None:
        """Look whether the release is still what it was made of, and its objects as they were made."""
        key, status = key_of(body), read_status(body, memory)
        try:
            spec = self._read(body)
        except InputError:
            memory.check_at = float("inf")
            return
        client = self._impersonate(key, spec)
        is_stuck = find_condition(status, Type.STALLED).get("reason") == Reason.ROLLOUT_FAILED
        is_due = memory.drift_at is not None and now_s() >= memory.drift_at
        self._plan_checks(spec, memory, is_done=is_due)
        try:
            sources = await read_sources(client, spec)
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
        target = self._open(self._impersonate(key, spec), key, spec)
        try:
            seen = await preview(values, target, migrate=spec.migrate)
            added = await _find_added(target)
        finally:
            await target.close()
        found = _describe_drift(seen)
        if found and spec.drift.mode is DriftMode.REPAIR and _is_repairable(seen.problems):
            report.announce("Drifted", f"is repaired: {found}", is_warning=True)
            self._tell(f"{key}: has drifted, and is repaired: {found}")
            await self._deploy(body, memory, report)
            return
        told = cut_message("; ".join(filter(None, (found, *added))))
        status = read_status(body, memory)
        if told != find_condition(status, Type.DRIFTED).get("message", ""):
            drifted = (Condition(Type.DRIFTED, "True", Reason.DRIFTED, told),) if told else ()
            ready = find_condition(status, Type.READY)
            await report.write((*say_ready(ready.get("message", "")), *drifted))
            if told:
                self._warn(key, report, Reason.DRIFTED, told)

    def _plan_checks(self, spec: ReleaseSpec, memory: Memory, *, is_done: bool = True) -> None:
        """Say when to look next; not for all releases at once."""
        interval_s = spec.interval_s * random.uniform(0.9, 1.1)  # noqa: S311 - spreads checks, guards no secret
        if is_done:
            memory.drift_at = now_s() + interval_s
        elif memory.drift_at is None:  # since the controller began
            memory.drift_at = now_s() + interval_s * random.random()  # noqa: S311
        values_at = now_s() + min(_VALUES_PACE_S, interval_s) if spec.values_from else float("inf")
        memory.check_at = min(memory.drift_at, values_at)

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
            await self._end_untimely(error, key, memory, report, Reason.UNINSTALL_FAILED)
            return
        self._tell(f"{key}: is uninstalled" if error is None else f"{key}: goes with its namespace")
        await self._let_go(place, body, memory)

    async def _let_go(self, place: Client, body: Json, memory: Memory) -> None:
        """Let the object go; nothing more is to be done about it, though the copy of it may lag behind."""
        await remove_finalizer(place, body)
        memory.retry_at = float("inf")

    async def _try_uninstall(self, key: Key, spec: ReleaseSpec, report: Reporter) -> KsUniversalError | None:
        """Remove what a release has brought up; gives what is in the way."""
        target = self._open(self._impersonate(key, spec), key, spec)
        by = f"controller, as {_name_account(key, self._find_account(spec))}"
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

    def _read(self, body: Json) -> ReleaseSpec:
        check_release(body["metadata"]["name"])
        return read_spec(body)

    def _find_account(self, spec: ReleaseSpec) -> str:
        return spec.service_account_name or self._options.default_account

    def _impersonate(self, key: Key, spec: ReleaseSpec) -> Client:
        return self._client.impersonating(_name_account(key, self._find_account(spec))).within(key.namespace)

    def _open(self, client: Client, key: Key, spec: ReleaseSpec, *, take_ownership: bool = False) -> KubernetesTarget:
        options = ClusterOptions(
            take_ownership=take_ownership,
            delete_data=spec.delete_data,
            lease_s=self._options.lease_s,
            claim=self._options.claim,
        )
        return KubernetesTarget(client, key.name, options)


_LET_GO = (
    "it is tried again; where the account has lost its rights, give them back, or set spec.suspend: true to let the "
    "object go and leave what it has brought up"
)


def _name_account(key: Key, account: str) -> str:
    return f"system:serviceaccount:{key.namespace}:{account}"


def _judge(error: KsUniversalError) -> tuple[Reason, float | None]:
    """Say why a run has not come to its end, and how long to wait at most before the next try."""
    match error:
        case LockedError():
            return Reason.LOCKED, _MOST_LOCKED_PAUSE_S
        case TimedOutError():
            return Reason.TIMED_OUT, None
        case MissingValuesError():
            return Reason.VALUES_MISSING, _MOST_MISSING_PAUSE_S
        case InputError():
            return Reason.REFUSED, None
        case _:
            return Reason.FAILED, None


def _first_error(error: KsUniversalError) -> Problem:
    errors = [problem for problem in error.problems if problem.severity is Severity.ERROR]
    return (errors or list(error.problems))[0]


def _list_images(values: Values, key: Key) -> list[str]:
    """List the images of what is rolled out, each once."""
    workloads = render(values, key.name, key.namespace).workloads.values()
    containers = (each for workload in workloads for each in read_template(workload.body)["spec"]["containers"])
    return list(dict.fromkeys(container["image"] for container in containers))


async def _find_added(target: KubernetesTarget) -> list[str]:
    """Find workloads to whose pods others have added something: no change of the release would take it away."""
    try:
        workloads = (await read_release(target)).workloads
    except InputError:  # it has no record any more, and its objects are missing
        return []
    problems = (problem for workload in workloads for problem in workload.problems)
    return [problem.message for problem in problems if problem.code == _CHANGED_PODS]


_CHANGED_PODS = "kubernetes/changed-pods"


def _describe_drift(seen: Preview) -> str:
    """Say in a line what is not as it was made; empty: all is."""
    changes = [each for each in seen.changes if each.change not in (Change.UNCHANGED, Change.KEPT)]
    errors = [problem for problem in seen.problems if problem.severity is Severity.ERROR]
    told = [f"{each.identity} {_DRIFTS.get(each.change, 'has changed')}" for each in changes]
    return "; ".join((*told, *(problem.message for problem in errors)))


def _is_repairable(problems: Sequence[Problem]) -> bool:
    """Tell whether all that is in the way is what others have changed of the release's own objects.

    What an autoscaler sets it would set again.
    """
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    return all(problem.code in _REPAIRABLE and _SCALED not in problem.message for problem in errors)


_REPAIRABLE = frozenset(("kubernetes/field-conflict",))
_SCALED = "kube-controller-manager manages spec.replicas"
_DRIFTS = {Change.CREATED: "is missing", Change.DELETED: "is there again"}


def _say_kept(spec: ReleaseSpec) -> str:
    return ", its data too" if spec.delete_data else "; its PersistentVolumeClaims stay"
