"""Rules that must not hang on how fast the machine is: made of facts, without a server."""

import msgspec

from ks_universal.rehearsal.facts import ObservedLock, ObservedStatement, StatementPart
from ks_universal.rehearsal.observation import Observation
from ks_universal.rehearsal.verdicts import judge_locks

ROWS = {"public.orders": 5000}


def statement(transaction: str = "2/4", duration_ms: float = 20.0) -> ObservedStatement:
    """Make one that has read the whole table."""
    part = StatementPart(text="ALTER TABLE orders ...", scanned={"public.orders": 5000})
    return ObservedStatement(
        number=1,
        process=7,
        transaction=transaction,
        text=part.text,
        began_s=0.0,
        duration_ms=duration_ms,
        parts=(part,),
    )


def lock(mode: str, held_ms: float, transaction: str = "2/4", index: str | None = None) -> ObservedLock:
    return ObservedLock(
        table="public.orders",
        index=index,
        mode=mode,
        statement=1,
        transaction=transaction,
        began_s=0.0,
        held_ms=held_ms,
    )


def judge(*locks: ObservedLock) -> set[str]:
    observation = Observation(statements=(statement(),), locks=locks)
    return {verdict.code for verdict in judge_locks(observation, ROWS)}


def test_a_lock_grows_with_the_work_of_its_transaction_however_slow_the_rest_of_the_statement_was() -> None:
    assert judge(lock("AccessExclusiveLock", held_ms=1.0)) == {"blocks-reads", "blocks-writes"}


def test_a_short_lock_of_a_later_transaction_of_the_statement_does_not() -> None:
    assert judge(lock("AccessExclusiveLock", held_ms=1.0, transaction="2/5")) == {"exclusive-without-lock-timeout"}


def test_a_lock_of_a_later_transaction_that_is_held_for_most_of_the_work_does() -> None:
    assert "blocks-reads" in judge(lock("AccessExclusiveLock", held_ms=15.0, transaction="2/5"))


def test_short_locks_beside_one_that_blocks_are_not_told() -> None:
    locks = (lock("AccessExclusiveLock", held_ms=18.0), lock("ShareLock", held_ms=1.0, transaction="2/5"))
    assert judge(*locks) == {"blocks-reads", "blocks-writes"}


def test_a_lock_on_an_index_is_not_told_beside_that_on_its_table() -> None:
    locks = (lock("AccessExclusiveLock", 18.0), lock("AccessExclusiveLock", 19.0, index="public.orders_pkey"))
    observation = Observation(statements=(statement(),), locks=locks)
    told = [verdict for verdict in judge_locks(observation, ROWS) if verdict.code == "blocks-reads"]
    assert ["index" in verdict.message for verdict in told] == [False]
    alone = Observation(statements=(statement(),), locks=locks[1:])
    assert ["index" in verdict.message for verdict in judge_locks(alone, ROWS)] == [True, True]


def test_what_the_instruments_take_makes_no_lock_long() -> None:
    work = [
        msgspec.structs.replace(statement(duration_ms=3.0), number=number, overhead_ms=2.5, parts=())
        for number in range(1, 401)
    ]
    held = msgspec.structs.replace(lock("AccessExclusiveLock", 1200.0), kept_through=tuple(range(2, 401)))
    codes = {each.code for each in judge_locks(Observation(statements=tuple(work), locks=(held,)), ROWS)}
    assert codes == {"exclusive-without-lock-timeout"}
    slow = tuple(msgspec.structs.replace(each, overhead_ms=0.5) for each in work)
    assert "blocks-reads" in {each.code for each in judge_locks(Observation(statements=slow, locks=(held,)), ROWS)}
