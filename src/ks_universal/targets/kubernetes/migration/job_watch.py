"""Follows a Job from its start to its end: its attempts, what it waits for, and what keeps it from its work."""

import asyncio
import contextlib
import math
from enum import Enum, auto

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import Emit, Event, LogWritten, Waited
from ks_universal.json_types import Json
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import JOB, POD
from ks_universal.targets.kubernetes.migration.attempts import TIMEOUT, Attempts
from ks_universal.targets.kubernetes.migration.injected import stop_succeeded
from ks_universal.targets.kubernetes.migration.late_objects import LateObjects
from ks_universal.targets.kubernetes.observed.grace import GracePeriods, PodIssue, find_soonest
from ks_universal.targets.kubernetes.observed.issues import describe_wait, find_creation_issue, find_issue
from ks_universal.targets.kubernetes.observed.observer import Observer, WorkloadKey
from ks_universal.targets.kubernetes.observed.pods import condition, is_finished, is_stopping, owner
from ks_universal.targets.kubernetes.observed.sight import Sight

_ENDS = ("Complete", "SuccessCriteriaMet", "Failed")
"""The conditions of a Job whose outcome is settled."""


class End(Enum):
    """How a Job ends. DONE: its pods have succeeded, which is known about a second before its condition says COMPLETE.

    HOPELESS: it has retries left which cannot help. GONE: it is not there any more, and was not seen to end. HELD: what
    it runs has failed, and a container that was injected keeps its pod from its end, so that nobody goes on with it.
    """

    DONE = auto()
    COMPLETE = auto()
    FAILED = auto()
    HOPELESS = auto()
    GONE = auto()
    HELD = auto()


class Ended(msgspec.Struct, frozen=True):
    """A Job has ended; `job` is what it was last seen to be."""

    end: End
    job: Json


class Stuck(msgspec.Struct, frozen=True):
    """A Job has not ended, and something has kept it from its work for too long."""

    issue: Problem


class JobWatch:
    """The look at the Jobs of one name, one after the other. `attempts` are those of all of them."""

    def __init__(self, client: Client, observer: Observer, step: Migrate, emit: Emit) -> None:
        self.attempts = Attempts(client, step, self._tell)
        self._client = client
        self._observer = observer
        self._step = step
        self._emit = emit
        self._name = str(step.migration.body["metadata"]["name"])
        self._topic: WorkloadKey = ("Job", self._name)
        self._grace = GracePeriods()
        self._late = LateObjects(client, observer, self._topic)
        self._said = ""

    async def follow(self, job: Json, *, resumed: bool) -> Ended | Stuck:
        """Follow a Job until it ends or is stuck; `resumed` when it was found running. Raises TargetError."""
        uid = job["metadata"]["uid"]
        sight = Sight(self._client, JOB, job, self._observer.job)
        with self._observer.follow(self._topic) as changed:
            while True:
                await await_change(changed, self._left_s(sight))
                self._observer.check()
                seen = await sight.look()
                if isinstance(seen, Problem):
                    return Ended(End.GONE, job)
                job = seen or job
                pods = [pod for pod in self._observer.pods(self._topic) if owner(pod)[2] == uid]
                end = await self._look(job, pods, resumed=resumed)
                if end is not None:
                    return end

    def _left_s(self, sight: Sight) -> float | None:
        return find_soonest(self._grace.left_s(), self._late.left_s(), self.attempts.left_s(), sight.left_s())

    def say(self, reason: str) -> None:
        """Say what is waited for, if that is something else than before."""
        if reason and reason != self._said:
            self._emit(Waited(step=self._step.id, waits_for=reason))
        self._said = reason

    async def stop_succeeded(self, job: Json) -> None:
        """Have the pods of a Job whose work is done ended, and no other made; returns when they are gone."""
        await stop_succeeded(self._client, job, self.attempts.ended)
        with self._observer.follow(self._topic) as changed:
            while running := [pod for pod in self._observer.pods(self._topic) if not is_finished(pod)]:
                self.say(describe_wait(running[-1]) if is_stopping(running[-1]) else "its pod to be told to stop")
                await await_change(changed, None)
                self._observer.check()

    async def _look(self, job: Json, pods: list[Json], *, resumed: bool) -> Ended | Stuck | None:
        """Take in what Job and pods have become: attempts begin and end, waits are told; None: it goes on."""
        await self.attempts.update(pods, resumed=resumed, stopped=_find_stop(job))
        running = [pod for pod in pods if not is_finished(pod)]
        hopeless = await self._judge(job, running)
        if hopeless is not None:
            return Stuck(hopeless)
        if self.attempts.succeeded >= _count_wanted(job):
            if self.attempts.is_to_be_stopped:
                await self.stop_succeeded(job)
            return Ended(End.DONE, job)
        if self.attempts.find_held(job):
            return Ended(End.HELD, job)
        if any(_is_true(job, kind) for kind in _ENDS):
            await self._catch_up(job, resumed=resumed)
        if _is_true(job, "Complete") or _is_true(job, "SuccessCriteriaMet"):
            return Ended(End.COMPLETE, job)
        if _is_true(job, "Failed"):
            return Ended(End.FAILED, job)
        is_parallel = (job["spec"].get("parallelism") or 1) > 1
        return Ended(End.HOPELESS, job) if self.attempts.is_hopeless and (is_parallel or not running) else None

    async def _judge(self, job: Json, running: list[Json]) -> Problem | None:
        """Say what is waited for; give what has kept the Job from its work for too long."""
        if condition(job, "Failed") or condition(job, "FailureTarget") or condition(job, "Complete"):
            self.say(next((describe_wait(pod) for pod in running if "deletionTimestamp" in pod["metadata"]), ""))
            return None
        if self.attempts.left_s() is not None:
            self.say("what the cluster has put into its pod to end")
            return None
        if job["spec"].get("suspend") and not self._step.staged:
            self.say("somebody to start it: it is suspended")
            return None
        hopeless = self._grace.find_expired(await self._late.weigh(self._find_issues(job, running)))
        if hopeless is None:
            self._tell_wait(running)
        return hopeless

    def _find_issues(self, job: Json, running: list[Json]) -> list[PodIssue]:
        issues = [find_issue(pod, self._observer.events(pod)) for pod in running]
        if self._step.migration.timeout_s is None:
            issues += self.attempts.find_stuck_init()
        if not running:
            issues.append(find_creation_issue(self._observer.events(job)))
        return [issue for issue in issues if issue is not None]

    async def _catch_up(self, job: Json, *, resumed: bool) -> None:
        """Read the pods of a Job that has ended: its end may be observed before theirs, as each kind has its watch."""
        uid = job["metadata"]["uid"]
        listing = await self._client.list(POD, labels=f"batch.kubernetes.io/job-name={self._name}")
        pods = [pod for pod in listing.items if owner(pod)[2] == uid]
        await self.attempts.update(pods, resumed=resumed, stopped=_find_stop(job))

    def _tell(self, event: Event) -> None:
        """Pass an event on; by what an init container says it is known whether it is stuck."""
        self._emit(event)
        if isinstance(event, LogWritten) and event.source != self._step.id:
            self._observer.wake(self._topic)

    def _tell_wait(self, running: list[Json]) -> None:
        if running:
            again = ", which says the same again and again" if self.attempts.repeats_itself else ""
            self.say(describe_wait(running[-1], self._observer.events(running[-1])) + again)
        elif self.attempts.retry_in_s is not None:
            self.say("the next attempt")
        elif not self.attempts.ended:
            self.say("its pod to be created")


async def await_change(changed: asyncio.Event, at_most_s: float | None) -> None:
    """Wait for a change, or until somebody's patience ends."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await changed.wait()
    changed.clear()


def _count_wanted(job: Json) -> float:
    """Count the pods that must succeed; of a Job that says only how many run at once its condition alone tells."""
    spec = job["spec"]
    return spec.get("completions") or (1 if spec.get("parallelism", 1) == 1 else math.inf)


def _find_stop(job: Json) -> str | None:
    """Say why the controller ends the Job's pods before their time; None where it does not."""
    reasons = {condition(job, kind).get("reason") for kind in ("Failed", "FailureTarget")}
    return TIMEOUT if "DeadlineExceeded" in reasons else None


def _is_true(job: Json, kind: str) -> bool:
    return bool(condition(job, kind).get("status") == "True")
