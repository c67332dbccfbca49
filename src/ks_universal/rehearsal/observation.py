"""One observed run of a command: what the log, the gate and the catalog have told, joined."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import msgspec

from ks_universal.rehearsal.catalog import Snapshot
from ks_universal.rehearsal.facts import ObservedLock, ObservedStatement, ObservedWait, SqlError
from ks_universal.rehearsal.gate import Gate, Sighting
from ks_universal.rehearsal.server import APPLICATION, Server
from ks_universal.rehearsal.server_log import mark_log, read_statements

_STRONGER_THAN_READS = frozenset(
    (
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
        "RowExclusiveLock",
    )
)


class Observation(msgspec.Struct, kw_only=True):
    """What was observed: statements in order, locks on what was there before, what the run itself waited for."""

    statements: tuple[ObservedStatement, ...] = ()
    locks: tuple[ObservedLock, ...] = ()
    waits: tuple[ObservedWait, ...] = ()
    has_connected: bool = False

    @property
    def errors(self) -> tuple[SqlError, ...]:
        """What the server refused, in order."""
        return tuple(each.error for each in self.statements if each.error)


@contextlib.asynccontextmanager
async def observe(server: Server, before: Snapshot, *, with_locks: bool = True) -> AsyncIterator[Observation]:
    """Observe what clients do to the application's database meanwhile; the observation is complete afterwards."""
    observation = Observation()
    begin = mark_log(server)
    gate = Gate(server) if with_locks else None
    with gate or contextlib.nullcontext():
        yield observation
    end = mark_log(server)
    observation.statements = read_statements(server.log, begin, end, names=before.names, database=APPLICATION)
    observation.has_connected = bool(observation.statements)
    if gate is not None:
        observation.locks = _join_locks(gate.sightings, observation.statements, before)
        observation.waits = tuple(_join_waits(gate.sightings, observation.statements, before))


def _join_locks(
    sightings: tuple[Sighting, ...], statements: tuple[ObservedStatement, ...], before: Snapshot
) -> tuple[ObservedLock, ...]:
    """Find for each lock on what was there before the statement that took it, and those that ran while it was held."""
    locks = []
    for seen in sightings:
        relation = before.relations.get(seen.relation or 0)
        if not seen.is_granted or relation is None or seen.mode not in _STRONGER_THAN_READS:
            continue
        table = before.relations.get(relation.table) if relation.table else relation
        if table is None or (table.kind == "m" and seen.mode != "AccessExclusiveLock"):  # nobody writes to a view
            continue
        statement, began_s = _find_taker(seen, statements)
        if statement is None:
            continue
        later = [
            each.number
            for each in statements
            if (each.process, each.transaction) == (seen.process, seen.transaction)
            and statement.number < each.number
            and each.began_s < seen.last_s
            and each.text.strip().rstrip(";").lower() not in ("commit", "end")
        ]
        locks.append(
            ObservedLock(
                table=table.name,
                index=relation.name if relation.table else None,
                mode=seen.mode,
                statement=statement.number,
                transaction=seen.transaction,
                began_s=began_s,
                held_ms=(seen.last_s - began_s) * 1000,
                kept_through=tuple(later),
                lock_timeout=statement.lock_timeout,
            )
        )
    return tuple(locks)


def _join_waits(
    sightings: tuple[Sighting, ...], statements: tuple[ObservedStatement, ...], before: Snapshot
) -> Iterator[ObservedWait]:
    processes = {statement.process for statement in statements}
    for seen in sightings:
        if seen.is_granted or seen.process not in processes:
            continue
        statement = _find_statement(seen, statements)
        relation = before.relations.get(seen.relation or 0)
        yield ObservedWait(
            kind=seen.kind,
            table=relation.name if relation else None,
            mode=seen.mode,
            statement=statement.number if statement else 0,
            waited_ms=(seen.last_s - seen.first_s) * 1000,
            is_own=bool(processes.intersection(seen.blockers)),
        )


def _find_taker(seen: Sighting, statements: tuple[ObservedStatement, ...]) -> tuple[ObservedStatement | None, float]:
    """Find the statement that took a lock, and when: as changes of the schema say, or as it was seen first."""
    for each in statements:
        if each.process == seen.process and each.transaction == seen.transaction and each.began_s <= seen.first_s:
            for held in each.held:
                if (held.relation, held.mode) == (seen.relation, seen.mode) and held.began_s <= seen.first_s:
                    return each, held.began_s
    return _find_statement(seen, statements), seen.first_s


def _find_statement(seen: Sighting, statements: tuple[ObservedStatement, ...]) -> ObservedStatement | None:
    """Find the last statement of a session that had begun when a lock was seen first: its clock has milliseconds."""
    begun = [each for each in statements if each.process == seen.process and each.began_s <= seen.first_s + 0.001]
    same = [each for each in begun if each.transaction == seen.transaction]
    found = same or begun
    return found[-1] if found else None
