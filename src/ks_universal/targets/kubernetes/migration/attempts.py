"""Follows the attempts of a migration: each pod of its Job is one; its log becomes events, its end an Attempt."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, AttemptStarted, Emit, LogWritten
from ks_universal.engine.retries import find_stop, gather_causes
from ks_universal.json_types import Json
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.clock import now_s
from ks_universal.targets.kubernetes.api.logs import LogTail
from ks_universal.targets.kubernetes.migration.injected import (
    describe_held,
    fails_beside_its_work,
    find_held,
    list_injected,
    show_as_sidecars,
)
from ks_universal.targets.kubernetes.migration.periods import read_period
from ks_universal.targets.kubernetes.objects.image_ids import list_image_ids
from ks_universal.targets.kubernetes.observed.grace import PodIssue
from ks_universal.targets.kubernetes.observed.issues import describe_end
from ks_universal.targets.kubernetes.observed.pods import (
    ContainerEnd,
    find_failure,
    has_succeeded,
    is_disrupted,
    is_finished,
    owner,
    read_containers,
    read_last_end,
)
from ks_universal.targets.kubernetes.observed.sidecars import Crash, describe_crash, find_crashes, tells_of
from ks_universal.targets.kubernetes.observed.stuck_init import find_repetition, find_stuck_init

TIMEOUT = "timeout"
"""Why an attempt was ended whose Job had taken too long."""

_HELD_S = 5.0
"""How long injected containers have to end by themselves, as a proxy does that the work has told to."""

_SAYING_NOTHING = frozenset(("", "Error"))
"""The kubelet's words for an end with another exit code than 0."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 360.0
"""The Job controller's pauses between attempts: 10 s, doubled each time, at most six minutes."""


class PodAttempt:
    """One pod of a migration's Job, from its first sight to its end."""

    def __init__(self, client: Client, step: Migrate, emit: Emit, *, number: int, pod: Json, resumed: bool) -> None:
        self.number = number
        self.pod = pod
        self.ended: Attempt | None = None
        self.is_gone = False
        """Whether the pod was removed before it was seen to end: somebody did that, and it says nothing of its work."""
        self._client = client
        self._step = step
        self._emit = emit
        self._template = step.migration.body["spec"]["template"]
        self._tails: dict[str, LogTail] = {}
        self._injected: tuple[str, ...] = ()
        self._held: tuple[str, ...] = ()
        self._held_since_s: float | None = None
        emit(AttemptStarted(step=step.id, number=number, resumed=resumed))

    def update(self, pod: Json) -> None:
        """Take up what the pod has become; follows the log of each container that has begun."""
        self._injected = list_injected(pod, self._template)
        self.pod = show_as_sidecars(pod, self._injected)
        self._held = find_held(self.pod, self._injected)
        if self._held and self._held_since_s is None:
            self._held_since_s = now_s()
        for state in read_containers(self.pod):
            if state.state != "waiting" and state.name not in self._tails:
                part = None if state.kind == "main" else state.name
                self._tails[state.name] = LogTail(self._client, pod["metadata"]["name"], state.name, self._take(part))

    @property
    def held(self) -> tuple[str, ...]:
        """The injected containers that run on though the work is over, and have had the time to end by themselves."""
        return self._held if self.left_s == 0 else ()

    @property
    def left_s(self) -> float | None:
        """Seconds that injected containers have to end by themselves; None where none runs on."""
        return max(0.0, self._held_since_s + _HELD_S - now_s()) if self._held and self._held_since_s else None

    @property
    def succeeds(self) -> bool:
        """Whether the work has succeeded."""
        return has_succeeded(self.pod)

    @property
    def fails_beside_its_work(self) -> bool:
        """Whether the work has succeeded, and the pod does not, by what was injected."""
        return fails_beside_its_work(self.pod, self._injected)

    @property
    def is_disrupted(self) -> bool:
        """Whether it was ended from outside."""
        return self.is_gone or is_disrupted(self.pod)

    @property
    def is_over(self) -> bool:
        """Whether the pod does nothing any more (its sidecars may still stop)."""
        return is_finished(self.pod) or bool(self.held) or (has_succeeded(self.pod) and not self._held)

    async def end(self, *, issue: Problem | None = None, reason: str | None = None) -> Attempt:
        """Read the rest of the logs and say how it ended. `trouble`, `reason`: why it was ended from outside."""
        for tail in self._tails.values():
            await tail.finish()
        self.ended = self._describe(issue, reason)
        return self.ended

    def tell_end(self, *, retry_in_s: float | None) -> None:
        """Emit that the attempt has ended."""
        if self.ended is not None:
            self._emit(AttemptEnded(step=self._step.id, attempt=self.ended, retry_in_s=retry_in_s))

    async def abandon(self) -> None:
        """Stop following the logs."""
        for tail in self._tails.values():
            await tail.stop()

    def read_running_init(self) -> tuple[str, tuple[str, ...]] | None:
        """The init container that runs, and its last lines; None where none does."""
        for state in read_containers(self.pod):
            if state.kind == "init" and state.state == "running" and state.name in self._tails:
                return state.name, tuple(self._tails[state.name].lines)
        return None

    def last_lines(self) -> tuple[str, ...]:
        """The tail of the log that tells most."""
        tail = self._find_telling()
        return () if tail is None else tuple(tail.lines)

    def explain_restarts(self) -> tuple[Problem, ...]:
        """Say why containers ended that were started again in the pod: a Job that fails removes such a pod."""
        ends = [end for state in read_containers(self.pod) if (end := read_last_end(state)) is not None]
        telling = self._find_telling()
        found = () if telling is None or not ends else telling.diagnosis.causes()
        return (*found, *(describe_end(end, self.pod) or _name_exit_code(end) for end in ends))

    def _find_telling(self) -> LogTail | None:
        """Find the log that tells most: the failed container's, else the last one's that wrote something."""
        failure = find_failure(self.pod)
        if failure is not None and failure.container in self._tails:
            return self._tails[failure.container]
        sidecars = {state.name for state in read_containers(self.pod) if state.kind == "sidecar"}
        written = [tail for name, tail in self._tails.items() if tail.lines and name not in sidecars]
        return written[-1] if written else None

    def _take(self, part: str | None) -> "_TakeLine":
        return _TakeLine(self._emit, self._step.id, part)

    def _describe(self, issue: Problem | None, reason: str | None) -> Attempt:
        started, duration_s = read_period(self.pod, datetime.now(UTC))
        failure = find_failure(self.pod)
        succeeded = has_succeeded(self.pod)
        exit_code = 0 if succeeded else None if failure is None else failure.exit_code
        disrupted = self.is_disrupted and not succeeded
        timed_out = reason == TIMEOUT
        crashes = () if succeeded else find_crashes(self.pod)
        causes = () if succeeded else self._causes(issue, timed_out=timed_out, told_to_stop=disrupted)
        held = (describe_held(self.held),) if self.held else ()
        telling = self._find_telling()
        attempt = Attempt(
            number=self.number,
            started=started,
            duration_s=duration_s,
            exit_code=exit_code,
            reason=reason or ("disrupted" if disrupted else self._name_failure()),
            causes=(*self._describe_crashes(crashes, issue), *causes, *held),
            log_tail=self.last_lines(),
            image_ids=dict(reversed([*list_image_ids(self.pod, self._template["spec"]["containers"])])),
            excerpt=telling.diagnosis.excerpt(stopped=timed_out) if causes and telling else (),
            sidecar_tails={crash.end.container: self._read_tail(crash.end.container) for crash in crashes},
        )
        stop = None if reason or disrupted else find_stop(self._step.migration, attempt)
        return attempt if stop is None else msgspec.structs.replace(attempt, reason=stop)

    def _describe_crashes(self, crashes: tuple[Crash, ...], issue: Problem | None) -> Iterator[Problem]:
        """Name the sidecars that crashed; not one of which the trouble says it."""
        for crash in crashes:
            if issue is None or not tells_of(issue, crash):
                yield describe_crash(crash, next(reversed(self._read_tail(crash.end.container)), None))

    def _read_tail(self, container: str) -> tuple[str, ...]:
        return tuple(self._tails[container].lines) if container in self._tails else ()

    def _name_failure(self) -> str | None:
        failure = find_failure(self.pod)
        if failure is None:
            return self.pod["status"].get("reason") or None  # of a node that has refused the pod
        return None if failure.reason in _SAYING_NOTHING else failure.reason

    def _causes(self, issue: Problem | None, *, timed_out: bool, told_to_stop: bool) -> tuple[Problem, ...]:
        if issue is not None:
            return (issue,)
        telling = self._find_telling()
        found = () if telling is None else telling.diagnosis.causes(stopped=timed_out)
        failure = find_failure(self.pod)
        if failure is None:
            return found if timed_out else ()
        if told_to_stop:  # its exit code is the answer to a signal, and no cause
            return found
        told = describe_end(failure, self.pod)
        if told is not None:
            return (told,)
        return (*found, _name_exit_code(failure))


class Attempts:
    """All attempts of a migration, in their order, also those of a Job that was replaced on the way."""

    def __init__(self, client: Client, step: Migrate, emit: Emit) -> None:
        self._client = client
        self._step = step
        self._emit = emit
        self._by_uid: dict[str, PodAttempt] = {}

    @property
    def ended(self) -> tuple[Attempt, ...]:
        """Those that have ended."""
        return tuple(attempt.ended for attempt in self._by_uid.values() if attempt.ended is not None)

    @property
    def last(self) -> PodAttempt | None:
        """The latest, ended or not."""
        return next(reversed(self._by_uid.values()), None)

    @property
    def succeeded(self) -> int:
        """How many have succeeded."""
        return sum(attempt.ended is not None and has_succeeded(attempt.pod) for attempt in self._by_uid.values())

    def find_held(self, job: Json) -> tuple[str, ...]:
        """Find the injected containers that keep a Job's last pod from its end."""
        last = self.last
        return last.held if last is not None and owner(last.pod)[2] == job["metadata"]["uid"] else ()

    def left_s(self) -> float | None:
        """Seconds until it is known that injected containers do not end by themselves; None where none runs on."""
        return None if self.last is None or self.last.ended is not None else self.last.left_s

    @property
    def is_to_be_stopped(self) -> bool:
        """Whether the Job's controller, left to itself, would not take what has succeeded for that."""
        return any(attempt.fails_beside_its_work for attempt in self._by_uid.values())

    @property
    def causes(self) -> tuple[Problem, ...]:
        """The causes of all failures, the first failure's first: it is the one that tells."""
        return gather_causes(self.ended)

    def find_stuck_init(self) -> tuple[PodIssue, ...]:
        """Find that the init container which runs is stuck."""
        running = None if self.last is None else self.last.read_running_init()
        issue = None if running is None else find_stuck_init(*running)
        return () if issue is None else (issue,)

    @property
    def repeats_itself(self) -> bool:
        """Whether the init container that runs says the same again and again."""
        running = None if self.last is None else self.last.read_running_init()
        return running is not None and find_repetition(running[1]) is not None

    @property
    def retries_left(self) -> int:
        """How many retries are left; negative when the last has failed. Pods ended from outside don't count."""
        return self._step.migration.retries - self._count_failures()

    @property
    def was_interrupted(self) -> bool:
        """Whether the last attempt was told to stop from outside, so that its end says nothing about its work."""
        return self.last is not None and self.last.is_disrupted

    @property
    def is_hopeless(self) -> bool:
        """Whether an attempt has failed with what no retry can mend, and its Job's controller would still try."""
        if self.retries_left < 0:
            return False
        failed = (a.ended for a in self._by_uid.values() if not has_succeeded(a.pod) and not a.is_disrupted)
        fatal = self._step.migration.fatal_exit_codes  # of these the controller knows
        return any(e.exit_code not in fatal and find_stop(self._step.migration, e) for e in failed if e is not None)

    @property
    def retry_in_s(self) -> float | None:
        """How long after the last attempt's failure another follows; None where it has not failed, or for good."""
        return None if self.last is None else self._pause_after(self.last)

    async def update(self, pods: list[Json], *, resumed: bool, stopped: str | None) -> None:
        """Take in the Job's pods as they are: new ones begin an attempt, finished and vanished ones end theirs.

        `stopped` says why its controller ends them, if it does.
        """
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid, attempt in self._by_uid.items():
            if attempt.ended is None and uid not in present:
                attempt.is_gone = True
                await self._end(attempt, stopped)
        for pod in pods:
            uid = pod["metadata"]["uid"]
            if uid not in self._by_uid:
                number = len(self._by_uid) + 1
                attempt = PodAttempt(self._client, self._step, self._emit, number=number, pod=pod, resumed=resumed)
                self._by_uid[uid] = attempt
            attempt = self._by_uid[uid]
            attempt.update(pod)
            if attempt.ended is None and attempt.is_over:  # before the next begins: several may be seen at once
                await self._end(attempt, stopped)

    async def _end(self, attempt: PodAttempt, stopped: str | None) -> None:
        await attempt.end(reason=None if has_succeeded(attempt.pod) else stopped)
        attempt.tell_end(retry_in_s=None if stopped else self._pause_after(attempt))

    async def end(self, *, issue: Problem | None = None, reason: str | None = None) -> None:
        """End those that have not ended: their pods are gone, or were given up for a trouble."""
        for attempt in self._by_uid.values():
            if attempt.ended is None:
                await attempt.end(issue=issue, reason=reason)
                attempt.tell_end(retry_in_s=None)

    async def abandon(self) -> None:
        """Stop following the logs."""
        for attempt in self._by_uid.values():
            await attempt.abandon()

    def _pause_after(self, attempt: PodAttempt) -> float | None:
        """How long the Job controller will wait before the next attempt; None when there will be none."""
        ended = attempt.ended
        if ended is None or ended.exit_code == 0:
            return None
        if attempt.is_disrupted:
            return 0.0
        if self.retries_left < 0 or find_stop(self._step.migration, ended) is not None:
            return None
        pause_s: float = _FIRST_PAUSE_S * 2 ** (self._count_failures() - 1)
        return min(pause_s, _LONGEST_PAUSE_S)

    def _count_failures(self) -> int:
        ended = [attempt for attempt in self._by_uid.values() if attempt.ended is not None]
        return sum(not has_succeeded(attempt.pod) and not attempt.is_disrupted for attempt in ended)


class _TakeLine:
    """Makes each line of a container an event; `part` names an init container or a sidecar."""

    def __init__(self, emit: Emit, step: str, part: str | None) -> None:
        self._emit = emit
        self._source = step if part is None else f"{step}/{part}"
        self._step = None if part is None else step

    def __call__(self, line: str) -> None:
        self._emit(LogWritten(source=self._source, line=line, step=self._step))


def _name_exit_code(end: ContainerEnd) -> Problem:
    return Problem("process/exit-code", f"{end.container} ended with exit code {end.exit_code}")
