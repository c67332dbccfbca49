"""Rollouts: a workload followed until its new pods are ready, and its old ones until the last of them is gone."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from ks_universal.diagnosis import diagnose
from ks_universal.diagnostics import Problem, Severity
from ks_universal.engine.events import Emit, LogWritten, Waited
from ks_universal.engine.target import RolloutFailed, RolloutPaused
from ks_universal.json_types import Json
from ks_universal.plan.steps import AwaitOldPods, RollOut
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.kinds import VERSIONED
from ks_universal.targets.kubernetes.api.logs import read_log
from ks_universal.targets.kubernetes.migration.injected import list_injected, show_as_sidecars
from ks_universal.targets.kubernetes.migration.late_objects import LateObjects
from ks_universal.targets.kubernetes.observed.grace import GracePeriods, PodIssue, find_soonest
from ks_universal.targets.kubernetes.observed.issues import (
    LONGEST_BACK_OFF_S,
    find_creation_issue,
    find_issue,
    find_unreadiness,
)
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pauses import describe_pause
from ks_universal.targets.kubernetes.observed.pods import ContainerState, condition, is_ready, read_containers
from ks_universal.targets.kubernetes.observed.readiness import (
    Progress,
    count_wanted,
    may_shrink,
    proves_itself,
    read_progress,
)
from ks_universal.targets.kubernetes.observed.sidecars import Crash, describe_crash, find_crashes, list_beside, tells_of
from ks_universal.targets.kubernetes.observed.sight import Sight, describe_loss
from ks_universal.targets.kubernetes.observed.versions import find_current, new_pods, old_pods
from ks_universal.targets.kubernetes.rollout.blocked import BlockedUpdate
from ks_universal.targets.kubernetes.rollout.init_logs import InitLog
from ks_universal.targets.kubernetes.rollout.old_pods import describe_stuck, describe_wait, read_grace_s
from ks_universal.targets.kubernetes.rollout.stall import Stall

_SEARCHED = 2000
"""How many of a container's last lines are searched for causes: those of one run, with long stack traces."""

_LINES = 50
_PAUSED_S = 60.0
"""Who pauses a rollout on its way may want to have a look, and resume it."""
_SLOW_S = 5.0
"""How long a pod may be there after its grace period without that anybody asks why."""
_STALLED_S = 600.0
"""How long a workload may come no further; of a Deployment its controller tells, by `progressDeadlineSeconds`."""
_SETTLING_S = 3.0
"""How long pods without a readiness probe have to stay up: a version that crashes at its start is ready, too."""


class Rollout:
    """One rollout of a workload that has been applied; `applied` is what the API server answered."""

    def __init__(
        self, client: Client, observer: Observer, step: RollOut | AwaitOldPods, emit: Emit, *, applied: Json
    ) -> None:
        self._client = client
        self._observer = observer
        self._step = step
        self._emit = emit
        self._applied = applied
        self._name = str(applied["metadata"]["name"])
        self._kind, _ = VERSIONED[applied["kind"]]
        self._topic: WorkloadKey = (self._kind.kind, self._name)
        self._grace = GracePeriods()
        self._late = LateObjects(client, observer, self._topic)
        self._said = ""
        self._up_since_s: float | None = None
        self._stall = Stall(_STALLED_S)
        self._blocked = BlockedUpdate(client, observer)
        self._look_at_s: float | None = None
        self._restarts = 0
        self._known_events: dict[str, int] = {}
        self._issues: list[Problem] = []
        self._restarts_before: dict[str, dict[str, int]] = {}
        self._init_log = InitLog(client, self._take_line)
        self._sight = Sight(client, self._kind, applied, lambda _: observer.workload(self._topic))

    async def follow(self) -> None:
        """Wait until it is done. Raises RolloutFailed as soon as it is known that it will not be."""
        try:
            await self._wait_until(self._is_done)
        finally:
            await self._init_log.stop()

    async def await_old_pods(self, grace_s: float) -> None:
        """Wait until the last old pod is gone.

        Raises RolloutFailed where one is still there `grace_s` after its grace period, by this program's own clock.
        """
        began_s = now_s()

        async def are_gone() -> bool:
            return await self._has_replaced_all(now_s() - began_s, grace_s)

        await self._wait_until(are_gone)

    async def _wait_until(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Look again at each change, and when time makes a difference."""
        await self._observer.start(self._kind.kind)
        with self._observer.follow(self._topic) as changed:
            while not await is_so():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._left_s()):
                        await changed.wait()
                changed.clear()
                self._observer.check()

    def _left_s(self) -> float | None:
        """Seconds until a trouble has lasted too long, or the new pods have stayed up for long enough."""
        settling_s = None if self._up_since_s is None else max(0.0, self._up_since_s + _SETTLING_S - now_s())
        look_s = None if self._look_at_s is None else max(0.0, self._look_at_s - now_s())
        waits = (self._grace.left_s(), self._late.left_s(), self._sight.left_s(), self._stall.left_s())
        return find_soonest(settling_s, look_s, *waits, self._blocked.left_s())

    def _has_settled(self, workload: Json, fresh: list[Json]) -> bool:
        """Whether the pods have stayed up; a restart begins it anew: it may be over before the pod was seen unready."""
        restarts = sum(state.restarts for pod in fresh for state in read_containers(pod))
        if self._up_since_s is None or restarts != self._restarts:
            self._up_since_s, self._restarts = now_s(), restarts
        return proves_itself(workload) or now_s() - self._up_since_s >= _SETTLING_S

    async def _is_done(self) -> bool:
        workload = await self._find_workload()
        if workload is None:
            return False
        revisions, pods = self._observer.revisions(workload), self._observer.pods(self._topic)
        progress = read_progress(workload, revisions, pods)
        fresh = new_pods(workload, revisions, pods)
        await self._init_log.look(fresh)
        if progress.done:
            return self._has_settled(workload, fresh)
        self._up_since_s = None
        if workload["kind"] != "Deployment":
            progress = self._stall.look(workload, progress)
        if progress.paused and self._applied["spec"].get("paused"):
            raise RolloutPaused(self._step.id)
        if progress.failure is not None and not self._was_said_before(workload):
            overdue = msgspec.structs.replace(progress.failure, hint=None) if self._issues else progress.failure
            raise await self._fail(overdue, workload, *self._issues)
        hopeless = await self._judge(workload, revisions, pods, progress)
        if hopeless is not None:
            raise await self._fail(hopeless, workload)
        blocked = await self._blocked.look(workload, pods)
        self._say(
            f"{progress.waits_for} ({blocked})" if blocked else progress.waits_for + self._describe_unready(fresh)
        )
        return False

    async def _find_workload(self) -> Json | None:
        """Find the workload as it is since this was applied; None: that is yet to be observed."""
        found = await self._sight.look()
        if isinstance(found, Problem):
            raise self._lose(found, f"its {self._kind.kind} is not there any more")
        if found is not None and "deletionTimestamp" in found["metadata"]:  # its controller does nothing more for it
            deleted = describe_loss(self._kind, self._name, "is deleting")
            raise self._lose(deleted, f"its {self._kind.kind} is being deleted")
        return found if found is not None and _has_observed(found, self._applied) else None

    def _lose(self, problem: Problem, what_runs: str) -> RolloutFailed:
        return RolloutFailed(self._step.id, (problem, _say_what_runs(what_runs)), is_gone=True)

    async def _has_replaced_all(self, waited_s: float, grace_s: float) -> bool:
        if await self._find_workload() is None:
            return False
        left = self._observer.old_pods(self._topic)
        if not left:
            return True
        overdue_s = waited_s - read_grace_s(left)
        if overdue_s >= grace_s:
            raise RolloutFailed(self._step.id, (describe_stuck(left, self._observer.events, waited_s),))
        self._say(describe_wait(left, self._observer.events, overdue=overdue_s >= _SLOW_S))
        self._look_at_s = now_s() - overdue_s + (_SLOW_S if overdue_s < _SLOW_S < grace_s else grace_s)
        return False

    async def _judge(
        self, workload: Json, revisions: list[Json], pods: list[Json], progress: Progress
    ) -> Problem | None:
        """Judge what keeps the new pods; not a quota where old ones end before: that goes on, slowly.

        Where this changes nothing, the pods may have crashed and their time may have been over before: what they wanted
        may be there now, so they have the time for another start, or a time of their own: a failure of the progress is
        said of the time before.
        """
        fresh = new_pods(workload, revisions, pods)
        goes_on = bool(pods) and may_shrink(workload)
        issues = [find_issue(pod, self._observer.events(pod), self._count_before(pod)) for pod in fresh]
        if len(fresh) < count_wanted(workload):
            maker = find_current(workload, revisions) if workload["kind"] == "Deployment" else workload
            issues += [find_creation_issue(self._new_events(maker))] if maker is not None else []
        found = [issue for issue in issues if issue is not None]
        self._issues = [issue.problem for issue in found]
        if progress.failure is not None:
            restarts = any(state.restarts for pod in fresh for state in read_containers(pod))
            limit_s = LONGEST_BACK_OFF_S if restarts else workload["spec"].get("progressDeadlineSeconds", 600)
            found.append(PodIssue(progress.failure, min(limit_s, LONGEST_BACK_OFF_S)))
        if progress.paused:
            found.append(PodIssue(describe_pause(workload), _PAUSED_S))
        lasting = [t for t in found if not goes_on or t.problem.code != "kubernetes/quota"]
        return self._grace.find_expired(await self._late.weigh(lasting))

    def _was_said_before(self, workload: Json) -> bool:
        """Tell whether what the controller says of the progress was said before this was applied."""
        return condition(workload, "Progressing") == condition(self._applied, "Progressing")

    def _count_before(self, pod: Json) -> dict[str, int]:
        """Count the restarts of a pod's containers from before it was first seen here."""
        restarts = {state.name: state.restarts for state in read_containers(pod)}
        return self._restarts_before.setdefault(pod["metadata"]["uid"], restarts)

    def _new_events(self, maker: Json) -> list[Json]:
        """The events that happened since the rollout began: what makes the pods may have made others before."""
        events = self._observer.events(maker)
        if not self._known_events:
            self._known_events = {"": 0, **{event["metadata"]["uid"]: event.get("count") or 1 for event in events}}
        return [e for e in events if (e.get("count") or 1) > self._known_events.get(e["metadata"]["uid"], 0)]

    def _describe_unready(self, fresh: list[Json]) -> str:
        """Say what keeps the new pods from being ready, or else what the first of them is at that takes its time."""
        if self._issues:
            return f" ({self._issues[0].message})"
        if self._init_log.container is not None:
            again = ", which says the same again and again" if self._init_log.repetition else ""
            return f" (init container {self._init_log.container}{again})"
        told = (_find_unreadiness(pod, self._observer.events(pod)) for pod in fresh if not is_ready(pod))
        return next((f" ({problem.message})" for problems in told for problem in problems), "")

    def _take_line(self, container: str, line: str) -> None:
        self._emit(LogWritten(source=f"{self._step.id}/{container}", line=line, step=self._step.id))
        self._observer.wake(self._topic)

    def _say(self, reason: str) -> None:
        if reason != self._said:
            self._emit(Waited(step=self._step.id, waits_for=reason))
        self._said = reason

    async def _fail(self, problem: Problem, workload: Json, *before: Problem) -> RolloutFailed:
        """Give the causes: what the containers told, what was there `before` the problem, the problem, what serves."""
        revisions, pods = self._observer.revisions(workload), self._observer.pods(self._topic)
        told: list[Problem] = []
        known = [*before, problem]
        for pod in sorted(new_pods(workload, revisions, pods), key=is_ready)[:1]:
            crashes = self._find_crashes(pod, workload["spec"]["template"])
            told = await self._read_causes(pod, crashes)
            known = [each for each in known if not any(tells_of(each, crash) for crash in crashes.values())]
        serving = sum(is_ready(pod) for pod in old_pods(workload, revisions, pods))
        return RolloutFailed(self._step.id, tuple(dict.fromkeys((*told, *known, _what_runs(serving)))))

    def _find_crashes(self, pod: Json, template: Json) -> dict[str, Crash]:
        """Find which sidecars crashed since the pod was first seen here, by their names."""
        shown = show_as_sidecars(pod, list_injected(pod, template))
        before = self._restarts_before.get(pod["metadata"]["uid"])
        return {c.end.container: c for c in find_crashes(shown, beside=list_beside(template), before=before)}

    async def _read_causes(self, pod: Json, crashes: Mapping[str, Crash]) -> list[Problem]:
        """Show the last words of what is not ready, and find the causes in them; sidecars that crashed come first."""
        causes: list[Problem] = []
        for state in sorted(read_containers(pod), key=lambda state: state.name not in crashes):
            crash = crashes.get(state.name)
            if crash is None and (state.ready or (state.state == "waiting" and not state.restarts)):
                continue
            if state.name == self._init_log.container:
                causes += (*diagnose(self._init_log.lines), *self._find_stuck_init())
                continue
            lines = await self._read_last_words(pod, state)
            if crash is not None:
                causes.append(describe_crash(crash, lines[-1] if lines else None))
            causes += (*diagnose(lines), *find_unreadiness(state.name, self._observer.events(pod)))
        return causes

    async def _read_last_words(self, pod: Json, state: ContainerState) -> tuple[str, ...]:
        """Read and show what a container said last, before its end where it was started again."""
        previous = state.state != "terminated" and state.restarts > 0
        name = pod["metadata"]["name"]
        lines = await read_log(self._client, name, state.name, lines=_SEARCHED, previous=previous)
        for line in lines[-_LINES:]:
            self._emit(LogWritten(source=f"{self._name}/{state.name}", line=line))
        return lines

    def _find_stuck_init(self) -> tuple[Problem, ...]:
        said = self._init_log.repetition
        if said is None:
            return ()
        message = f"init container {self._init_log.container} does not finish: it keeps repeating: {said}"
        return (Problem("rollout/init-stuck", message, hint="see whether what it waits for is there"),)


def _find_unreadiness(pod: Json, events: list[Json]) -> tuple[Problem, ...]:
    running = (state.name for state in read_containers(pod) if state.state == "running" and not state.ready)
    return tuple(problem for name in running for problem in find_unreadiness(name, events))


def _has_observed(workload: Json, applied: Json) -> bool:
    """Tell whether what was observed is what was applied, or newer."""
    seen, wanted = workload["metadata"], applied["metadata"]
    return bool(seen["uid"] == wanted["uid"] and seen.get("generation", 0) >= wanted.get("generation", 0))


def _what_runs(serving: int) -> Problem:
    if serving == 0:
        return _say_what_runs("nothing of the version before serves")
    plural = serving > 1
    return _say_what_runs(f"{serving} pod{'s' * plural} of the version before still serve{'' if plural else 's'}")


def _say_what_runs(message: str) -> Problem:
    return Problem("kubernetes/serving", message, severity=Severity.WARNING)
