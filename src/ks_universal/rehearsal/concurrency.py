"""Two runs of the migration at once, as two pods that start together do it: in lock-step.

Started at the same time, two runs meet in a harmful way in some tries and not in others. Here each is held at each of
its commits until the other is at one, too, or waits for a lock, or has ended: what can go wrong at commits goes wrong.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import take_snapshot
from ks_universal.rehearsal.command import TIMED_OUT, Command
from ks_universal.rehearsal.facts import CommandResult, ObservedStatement, SqlError, VerdictSeverity
from ks_universal.rehearsal.forwarder import Forwarder, forward
from ks_universal.rehearsal.gate import Gate, Session, Sighting
from ks_universal.rehearsal.reference import Difference, Reference, run_undisturbed
from ks_universal.rehearsal.server import APPLICATION
from ks_universal.rehearsal.server_log import LogPosition, mark_log, read_statements
from ks_universal.rehearsal.timeouts import find_timeouts
from ks_universal.rehearsal.verdicts import RehearsalVerdict

_DEADLOCK = "40P01"
_ABORTED = "25P02"
_LOCKS = {
    "advisory": "an advisory lock",
    "transactionid": "a row's lock",
    "tuple": "a row's lock",
    "relation": "a table's lock",
}
_CONNECTS_S = 120.0
"""How long a run is held for one that has not connected yet: it is starting."""
_HOLD_S = 10.0
"""How long a run is held for one that does something else: it polls a lock of its own, or computes."""
_HOLD_AGAIN_S = 1.0


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs at once: how each ended, and what they made that one run does not.

    `locks` says by what one waited for the other, or kept it out; `is_deadlock`: the server had to end one.
    """

    results: tuple[CommandResult, CommandResult]
    difference: Difference
    locks: tuple[str, ...] = ()
    is_deadlock: bool = False

    @property
    def failed(self) -> tuple[CommandResult, ...]:
        """The runs that failed."""
        return tuple(each for each in self.results if not each.is_success)

    @property
    def hangs(self) -> bool:
        """Whether one had to be killed in the end."""
        return any(each.status == TIMED_OUT for each in self.results)

    @property
    def is_safe(self) -> bool:
        """Whether one run at least did it, and all is as after one."""
        return len(self.failed) < 2 and not (self.difference or self.is_deadlock or self.hangs)


class _Runner:
    """One of the two: its port, and whether it has ended."""

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.has_ended = False

    def owns(self, session: Session) -> bool:
        return session.port in self.forwarder.ports


class _LockStep:
    """Lets the runs pass their commits together."""

    def __init__(self, runners: tuple[_Runner, _Runner], hold_s: float) -> None:
        self._runners = runners
        self._hold_s = hold_s
        self._held: frozenset[tuple[int, str | None]] = frozenset()
        self._since_s = 0.0
        self.processes: dict[int, int] = {}
        """Of which run (0, 1) a server's process was."""
        self.waited_for: set[str] = set()
        """The kinds of locks for which one has waited while the other was at a commit."""

    def may_pass(self, sessions: tuple[Session, ...]) -> bool:
        """Tell whether both runs are where they can be no further without the other's commit."""
        owned = [[each for each in sessions if runner.owns(each)] for runner in self._runners]
        for number, own in enumerate(owned):
            self.processes.update(dict.fromkeys((each.process for each in own), number))
            self.waited_for.update(each.waits_for for each in own if each.waits_for)
        if all(
            runner.has_ended or any(each.is_committing or each.waits_for for each in own)
            for runner, own in zip(self._runners, owned, strict=True)
        ):
            return True
        return self._is_over(sessions)

    def _is_over(self, sessions: tuple[Session, ...]) -> bool:
        """Tell whether the same commit was held for as long as it may be."""
        now_s = time.monotonic()
        held = frozenset((each.process, each.transaction) for each in sessions if each.is_committing)
        if held != self._held:
            self._held, self._since_s = held, now_s
        have_connected = all(runner.forwarder.ports for runner in self._runners)
        if now_s - self._since_s < (self._hold_s if have_connected else max(self._hold_s, _CONNECTS_S)):
            return False
        self._hold_s = min(self._hold_s, _HOLD_AGAIN_S)
        return True


async def run_together(
    bench: Bench, command: Command, reference: Reference, *, statements: Iterable[ObservedStatement] = ()
) -> Together:
    """Run a command twice at once on the application's database as it is, and compare with one run.

    `statements` are those of one run: a commit is held for less than half of what they let a statement take. Their
    lock_timeout does not matter: as soon as one waits for a lock, the other passes.
    """
    begin = mark_log(bench.server)
    async with forward(bench.server) as one, forward(bench.server) as two:
        runners = (_Runner(one), _Runner(two))
        limits_s = find_timeouts(statements, "statement_timeout", "transaction_timeout")
        step = _LockStep(runners, min([_HOLD_S, *(limit_s * 0.4 for limit_s in limits_s)]))

        async def run(runner: _Runner) -> CommandResult:
            try:
                return await runner.forwarder.lead(bench).run(command)
            finally:
                runner.has_ended = True

        gate = Gate(bench.server, step.may_pass)
        with gate:
            first, second = await asyncio.gather(*(run(runner) for runner in runners))
    await bench.await_quiet()
    return _tell(
        bench, (first, second), begin, step, gate.sightings, reference.compare(await take_snapshot(bench.server))
    )


def _tell(
    bench: Bench,
    results: tuple[CommandResult, CommandResult],
    begin: LogPosition,
    step: _LockStep,
    sightings: tuple[Sighting, ...],
    difference: Difference,
) -> Together:
    statements = read_statements(bench.server.log, begin, mark_log(bench.server), names={}, database=APPLICATION)
    errors: dict[int, SqlError] = {}
    for each in statements:
        if each.error and each.error.code != _ABORTED and each.process in step.processes:
            errors[step.processes[each.process]] = each.error
    first, second = (
        result if result.is_success else msgspec.structs.replace(result, error=errors.get(number))
        for number, result in enumerate(results)
    )
    return Together(
        results=(first, second),
        difference=difference,
        locks=tuple(dict.fromkeys(_name_locks(step, sightings))),
        is_deadlock=any(each.error and each.error.code == _DEADLOCK for each in statements),
    )


def _name_locks(step: _LockStep, sightings: tuple[Sighting, ...]) -> Iterator[str]:
    """Name what kept one run from what the other did."""
    for seen in sightings:
        own = step.processes.get(seen.process)
        others = {step.processes.get(each) for each in seen.blockers} - {own, None}
        if own is not None and (seen.kind == "advisory" or (not seen.is_granted and others)):
            yield _LOCKS.get(seen.kind, f"a lock ({seen.kind})")
    for kind in sorted(step.waited_for):
        yield _LOCKS.get(kind, f"a lock ({kind})")


async def run_together_everywhere(
    bench: Bench, command: Command, reference: Reference, *, statements: Iterable[ObservedStatement] = ()
) -> dict[str, Together | None]:
    """Run a command twice at once on the base, and on an empty database; None where one run fails there.

    The names are `two at once` and `two at once, empty database`; the first is left out where the base is empty.
    """
    await bench.restore_base()
    found: dict[str, Together | None] = {}
    if (await take_snapshot(bench.server)).schema:
        found["two at once"] = await run_together(bench, command, reference, statements=statements)
    await bench.make_empty()
    from_empty = await run_undisturbed(bench, command)
    together = None
    if from_empty is not None:
        await bench.make_empty()
        together = await run_together(bench, command, from_empty, statements=statements)
    return {**found, "two at once, empty database": together}


def note_together(together: Together, tried: Mapping[str, Together | None]) -> tuple[str, ...]:
    """Say of two runs at once what is no fault; `tried` are all, of which some can be none."""
    notes = []
    if together.locks:
        notes.append(f"one was kept from the other by {', '.join(together.locks)}")
    if together.is_safe and together.failed:
        notes.append(f"one fails, the other does all ({together.failed[0].failure})")
    notes += [f"{name}: not tried, for the migration fails there" for name, each in tried.items() if each is None]
    return tuple(notes)


def judge_together(name: str, together: Together) -> Iterator[RehearsalVerdict]:
    """Say what goes wrong when two run at once."""
    if together.is_safe:
        return
    if together.hangs:
        how = "neither comes to an end"
    elif together.is_deadlock:
        how = f"they wait for each other until the server ends one (deadlock, {_DEADLOCK})"
    elif len(together.failed) == 2:
        how = f"both fail: {together.failed[0].failure}"
    elif together.failed:
        how = f"one fails ({together.failed[0].failure}), and {together.difference} is not as after one run"
    else:
        how = f"both end well, and {together.difference} is not as after one run"
    error = next((each.error for each in together.failed if each.error), None)
    yield RehearsalVerdict(
        code="unsafe-concurrent",
        severity=VerdictSeverity.ERROR,
        table=next(iter(together.difference.tables), None),
        message=f"{name}: {how}",
        advice="take a lock for all of it (pg_advisory_lock, in a session of its own and not in a transaction), look"
        " only then for what is to do; or start one run at a time: a Job, not each pod",
        facts={
            "statuses": ", ".join(str(each.status) for each in together.results),
            **({"sqlstate": error.code} if error else {}),
        },
    )
