from datetime import UTC, datetime

import msgspec

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import Outcome, Revision, StepRecord
from ks_universal.plan.undo import find_earlier, find_undone, list_applied_since


def step(args: str, outcome: Outcome = Outcome.SUCCEEDED, *, undoes: int | None = None) -> StepRecord:
    return StepRecord(
        id="app/migrations" if undoes is None else f"undo {undoes}",
        undoes=undoes,
        application="app",
        step=None,
        phase=Phase.PRE,
        digest="d",
        image="app:v",
        command=(args,),
        outcome=outcome,
    )


def revisions(*runs: StepRecord) -> tuple[Revision, ...]:
    return tuple(
        Revision(
            number=number,
            release="shop",
            namespace="",
            by="me",
            started=datetime(2026, 1, 1, tzinfo=UTC),
            outcome=run.outcome,
            steps=(run,),
        )
        for number, run in enumerate(runs, start=1)
    )


def passed(target: int, *runs: StepRecord) -> list[tuple[int, str]]:
    return [(one.revision, one.record.command[0]) for one in list_applied_since(revisions(*runs), target)]


def test_later_migrations_are_undone_latest_first() -> None:
    assert passed(1, step("one"), step("two"), step("three")) == [(3, "three"), (2, "two")]


def test_a_migration_that_failed_is_not_undone() -> None:
    assert passed(1, step("one"), step("two", outcome=Outcome.MIGRATION_FAILED)) == []


def test_one_that_ran_again_unchanged_is_undone_once_or_not_at_all() -> None:
    assert passed(1, step("one"), step("two"), step("two"), step("one")) == [(2, "two")]


def test_what_was_undone_is_not_undone_again_until_it_is_applied_again() -> None:
    undo = step("undo", undoes=2)
    assert passed(1, step("one"), step("two"), undo) == []
    assert passed(1, step("one"), step("two"), undo, step("two")) == [(4, "two")]


def test_what_failed_to_be_undone_is_still_there() -> None:
    undo = step("undo", Outcome.MIGRATION_FAILED, undoes=2)
    assert passed(1, step("one"), step("two"), undo) == [(2, "two")]


def test_the_revision_to_go_back_to_is_the_last_good_one_before_the_latest() -> None:
    runs = revisions(step("one"), step("two", outcome=Outcome.MIGRATION_FAILED), step("three"))
    earlier = find_earlier(runs)
    assert earlier is not None
    assert earlier.number == 1
    assert find_earlier(runs[:1]) is None


def earlier(*revisions: Revision) -> int | None:
    found = find_earlier(revisions)
    return None if found is None else found.number


def test_a_rollback_that_failed_goes_on_to_its_own_revision() -> None:
    one, two, back = revisions(step("one"), step("two"), step("undo", outcome=Outcome.MIGRATION_FAILED))
    assert earlier(one, two, msgspec.structs.replace(back, back_to=1)) == 1
    assert earlier(one, two, msgspec.structs.replace(back, back_to=1, outcome=Outcome.INTERRUPTED)) == 1
    assert earlier(two, msgspec.structs.replace(back, back_to=1)) is None
    assert earlier(one, two, msgspec.structs.replace(back, back_to=1, outcome=Outcome.SUCCEEDED)) == 2


def test_runs_that_only_migrated_are_nothing_to_go_back_to() -> None:
    one, two, three = revisions(step("one"), step("two"), step("two"))
    assert earlier(one, msgspec.structs.replace(two, only_migrates=True), three) == 1


def test_migrations_of_a_revision_that_were_undone_after_it_are_found_until_they_are_applied_again() -> None:
    undo = step("undo", undoes=2)
    runs = revisions(step("one"), step("two"), undo, step("two"))
    assert [one.record.command for one in find_undone(runs[:3], 2)] == [("two",)]
    assert find_undone(runs[:3], 1) == find_undone(runs[:3], 3) == find_undone(runs, 2) == ()
