from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ks_universal.engine.schedule import Schedule
from ks_universal.plan.steps import Apply


def step(name: str, *needs: str) -> Apply:
    return Apply(id=name, needs=needs, body={})


def ready(schedule: Schedule) -> list[str]:
    return [one.id for one in schedule.take_ready()]


def test_a_step_is_given_once_and_only_when_all_its_needs_have_succeeded() -> None:
    schedule = Schedule([step("a"), step("b"), step("c", "a", "b")])
    assert ready(schedule) == ["a", "b"]
    assert ready(schedule) == []
    schedule.succeed("a")
    assert ready(schedule) == []
    schedule.succeed("b")
    assert ready(schedule) == ["c"]


def test_a_failure_takes_all_that_needs_it_and_tells_each_once() -> None:
    schedule = Schedule([step("a"), step("b"), step("c", "a", "b"), step("d", "c"), step("e", "b")])
    assert ready(schedule) == ["a", "b"]
    assert schedule.fail("a") == ["c", "d"]
    assert schedule.fail("b") == ["e"]
    assert ready(schedule) == []


def test_a_step_that_was_skipped_never_begins_when_its_other_need_succeeds() -> None:
    schedule = Schedule([step("a"), step("b"), step("c", "a", "b")])
    ready(schedule)
    schedule.fail("a")
    schedule.succeed("b")
    assert ready(schedule) == []


@given(st.lists(st.sets(st.integers(0, 20)), max_size=20), st.randoms())
def test_every_step_either_begins_after_its_needs_or_is_skipped_for_a_failure(
    graph: list[set[int]], chance: Random
) -> None:
    steps = [step(str(n), *(str(m) for m in sorted(needs) if m < n)) for n, needs in enumerate(graph)]
    schedule = Schedule(steps)
    succeeded: set[str] = set()
    ended: list[str] = []
    lost: list[str] = []
    running = schedule.take_ready()
    while running:
        current = running.pop(chance.randrange(len(running)))
        assert set(current.needs) <= succeeded
        ended.append(current.id)
        if chance.random() < 0.2:
            lost += schedule.fail(current.id)
        else:
            schedule.succeed(current.id)
            succeeded.add(current.id)
        running += schedule.take_ready()
    assert sorted([*ended, *lost]) == sorted(one.id for one in steps)
