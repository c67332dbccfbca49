"""Follows the attempts of a migration: each pod of its Job is one; its log becomes events, its end an Attempt."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, AttemptStarted, Emit, LogWritten
from ks_universal.engine.retries import find_stop, gather_causes
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.logs import LogTail
from ks_universal.targets.kubernetes.patience import Trouble
from ks_universal.targets.kubernetes.pods import (
    find_failure,
    has_succeeded,
    is_disrupted,
    is_finished,
    read_containers,
    read_end,
    read_time,
)
from ks_universal.targets.kubernetes.troubles import describe_end
from ks_universal.targets.kubernetes.vain_waits import find_repetition, find_vain_wait

Json = dict[str, Any]

TIMEOUT = "timeout"
"""Why an attempt was ended whose Job had taken too long."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 360.0
"""The Job controller's pauses between attempts: 10 s, doubled each time, at most six minutes."""


class PodAttempt:
    """One pod of a migration's Job, from its first sight to its end."""

    def __init__(self, client: Client, step: Migrate, emit: Emit, *, number: int, pod: Json, resumed: bool) -> None:
        self.number = number
        self.pod = pod
        self.ended: Attempt | None = None
        self._client = client
        self._step = step
        self._emit = emit
        self._tails: dict[str, LogTail] = {}
        emit(AttemptStarted(step=step.id, number=number, resumed=resumed))

    def update(self, pod: Json) -> None:
        """Take up what the pod has become; follows the log of each container that has begun."""
        self.pod = pod
        for state in read_containers(pod):
            if state.state != "waiting" and state.name not in self._tails:
                source = self._step.id if state.kind == "main" else f"{self._step.id}/{state.name}"
                self._tails[state.name] = LogTail(self._client, pod["metadata"]["name"], state.name, self._take(source))

    @property
    def is_over(self) -> bool:
        """Whether the pod does nothing any more (its sidecars may still stop)."""
        return is_finished(self.pod) or has_succeeded(self.pod)

    async def end(self, *, trouble: Problem | None = None, reason: str | None = None) -> Attempt:
        """Read the rest of the logs and say how it ended. `trouble`, `reason`: why it was ended from outside."""
        for tail in self._tails.values():
            await tail.finish()
        self.ended = self._describe(trouble, reason)
        return self.ended

    def tell_end(self, *, retry_in_s: float | None) -> None:
        """Emit that the attempt has ended."""
        if self.ended is not None:
            self._emit(AttemptEnded(step=self._step.id, attempt=self.ended, retry_in_s=retry_in_s))

    async def abandon(self) -> None:
        """Stop following the logs."""
        for tail in self._tails.values():
            await tail.stop()

    def read_init_at_work(self) -> tuple[str, tuple[str, ...]] | None:
        """The init container that runs, and its last lines; None where none does."""
        for state in read_containers(self.pod):
            if state.kind == "init" and state.state == "running" and state.name in self._tails:
                return state.name, tuple(self._tails[state.name].lines)
        return None

    def last_lines(self) -> tuple[str, ...]:
        """The tail of the log that tells most."""
        tail = self._find_telling()
        return () if tail is None else tuple(tail.lines)

    def _find_telling(self) -> LogTail | None:
        """Find the log that tells most: the failed container's, else the last one's that wrote something."""
        failure = find_failure(self.pod)
        if failure is not None and failure.container in self._tails:
            return self._tails[failure.container]
        sidecars = {state.name for state in read_containers(self.pod) if state.kind == "sidecar"}
        written = [tail for name, tail in self._tails.items() if tail.lines and name not in sidecars]
        return written[-1] if written else None

    def _take(self, source: str) -> "_TakeLine":
        return _TakeLine(self._emit, source)

    def _describe(self, trouble: Problem | None, reason: str | None) -> Attempt:
        started, finished = _period(self.pod)
        failure = find_failure(self.pod)
        succeeded = has_succeeded(self.pod)
        exit_code = 0 if succeeded else None if failure is None else failure.exit_code
        disrupted = is_disrupted(self.pod) and not succeeded
        timed_out = reason == TIMEOUT
        causes = () if succeeded else self._causes(trouble, timed_out=timed_out, told_to_stop=disrupted)
        telling = self._find_telling()
        attempt = Attempt(
            number=self.number,
            started=started,
            duration_s=max(0.0, (finished - started).total_seconds()),
            exit_code=exit_code,
            reason=reason or ("disrupted" if disrupted else None if failure is None else failure.reason or None),
            causes=causes,
            log_tail=self.last_lines(),
            excerpt=telling.diagnosis.excerpt(stopped=timed_out) if causes and telling else (),
        )
        stop = None if reason or disrupted else find_stop(self._step.migration, attempt)
        return attempt if stop is None else msgspec.structs.replace(attempt, reason=stop)

    def _causes(self, trouble: Problem | None, *, timed_out: bool, told_to_stop: bool) -> tuple[Problem, ...]:
        if trouble is not None:
            return (trouble,)
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
        return (*found, Problem("process/exit-code", f"{failure.container} ended with exit code {failure.exit_code}"))


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
        return sum(has_succeeded(attempt.pod) for attempt in self._by_uid.values())

    @property
    def causes(self) -> tuple[Problem, ...]:
        """The causes of all failures, the first failure's first: it is the one that tells."""
        return gather_causes(self.ended)

    def find_vain_waits(self) -> tuple[Trouble, ...]:
        """Find that the init container which runs waits in vain."""
        at_work = None if self.last is None else self.last.read_init_at_work()
        trouble = None if at_work is None else find_vain_wait(*at_work)
        return () if trouble is None else (trouble,)

    @property
    def repeats_itself(self) -> bool:
        """Whether the init container that runs says the same again and again."""
        at_work = None if self.last is None else self.last.read_init_at_work()
        return at_work is not None and find_repetition(at_work[1]) is not None

    @property
    def retries_left(self) -> int:
        """How many retries are left; negative when the last has failed. Pods ended from outside don't count."""
        return self._step.migration.retries - self._count_failures()

    @property
    def was_interrupted(self) -> bool:
        """Whether the last attempt was told to stop from outside, so that its end says nothing about its work."""
        return self.last is not None and is_disrupted(self.last.pod)

    @property
    def is_hopeless(self) -> bool:
        """Whether an attempt has failed with what no retry can mend, and its Job's controller would still try."""
        if self.retries_left < 0:
            return False
        failed = (a.ended for a in self._by_uid.values() if not has_succeeded(a.pod) and not is_disrupted(a.pod))
        fatal = self._step.migration.fatal_exit_codes  # of these the controller knows
        return any(e.exit_code not in fatal and find_stop(self._step.migration, e) for e in failed if e is not None)

    @property
    def awaits_retry(self) -> bool:
        """Whether the last attempt has failed, and there will be another."""
        return self.last is not None and self.last.ended is not None and self._pause_after(self.last) is not None

    async def update(self, pods: list[Json], *, resumed: bool, stopped: str | None) -> None:
        """Take in the Job's pods as they are: new ones begin an attempt, finished and vanished ones end theirs.

        `stopped` says why its controller ends them, if it does.
        """
        present = set()
        for pod in pods:
            uid = pod["metadata"]["uid"]
            present.add(uid)
            if uid not in self._by_uid:
                number = len(self._by_uid) + 1
                attempt = PodAttempt(self._client, self._step, self._emit, number=number, pod=pod, resumed=resumed)
                self._by_uid[uid] = attempt
            self._by_uid[uid].update(pod)
        for uid, attempt in self._by_uid.items():
            if attempt.ended is None and (attempt.is_over or uid not in present):
                await attempt.end(reason=None if has_succeeded(attempt.pod) else stopped)
                attempt.tell_end(retry_in_s=None if stopped else self._pause_after(attempt))

    async def end(self, *, trouble: Problem | None = None, reason: str | None = None) -> None:
        """End those that have not ended: their pods are gone, or were given up for a trouble."""
        for attempt in self._by_uid.values():
            if attempt.ended is None:
                await attempt.end(trouble=trouble, reason=reason)
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
        if is_disrupted(attempt.pod):
            return 0.0
        if self.retries_left < 0 or find_stop(self._step.migration, ended) is not None:
            return None
        pause_s: float = _FIRST_PAUSE_S * 2 ** (self._count_failures() - 1)
        return min(pause_s, _LONGEST_PAUSE_S)

    def _count_failures(self) -> int:
        ended = [attempt for attempt in self._by_uid.values() if attempt.ended is not None]
        return sum(not has_succeeded(attempt.pod) and not is_disrupted(attempt.pod) for attempt in ended)


class _TakeLine:
    """Makes each line of a container an event."""

    def __init__(self, emit: Emit, source: str) -> None:
        self._emit = emit
        self._source = source

    def __call__(self, line: str) -> None:
        self._emit(LogWritten(source=self._source, line=line))


def _period(pod: Json) -> tuple[datetime, datetime]:
    """When the pod's own work began and ended: its main container's times, else the pod's."""
    ends = [end for state in read_containers(pod) if state.kind != "sidecar" and (end := read_end(state)) is not None]
    created = read_time(pod["status"].get("startTime") or pod["metadata"]["creationTimestamp"])
    started = ends[-1].started if ends and ends[-1].started else created
    finished = ends[-1].finished if ends and ends[-1].finished else datetime.now(UTC)
    return started or finished, finished
