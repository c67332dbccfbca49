from hypothesis import given
from hypothesis import strategies as st

from ks_universal.model.format.precedence import Node, Part, Precedence, Waits, build_precedence, build_written
from ks_universal.order import find_all_needs, find_cycles, sort_by_needs

WEB = Waits(migrates=True)
WORKER = Waits()


def before(name: str) -> Node:
    return Node(name, Part.BEFORE)


def rollout(name: str) -> Node:
    return Node(name, Part.ROLLOUT)


def after(name: str) -> Node:
    return Node(name, Part.AFTER)


def awaited(needs: Precedence, name: str) -> set[str]:
    return {need.workload for need in needs[rollout(name)] if need.part is Part.BEFORE}


def test_a_deployment_without_migrations_waits_for_those_of_the_whole_release() -> None:
    needs = build_precedence({"worker": WORKER, "web": WEB, "api": Waits(migrates=True)})
    assert awaited(needs, "worker") == {"web", "api"}


def test_one_with_migrations_of_its_own_waits_for_these_alone() -> None:
    needs = build_precedence({"web": WEB, "api": Waits(migrates=True)})
    assert (awaited(needs, "web"), awaited(needs, "api")) == ({"web"}, {"api"})


def test_wait_for_migrations_says_otherwise() -> None:
    needs = build_precedence(
        {
            "web": WEB,
            "api": Waits(migrates=True, wait_for_migrations=True),
            "billing": Waits(migrates=True, wait_for_migrations=("web",)),
            "independent": Waits(wait_for_migrations=False),
            "worker": Waits(wait_for_migrations=("api",)),
            "docs": Waits(wait_for_migrations=()),
        }
    )
    assert awaited(needs, "api") == {"web", "api", "billing"}
    assert awaited(needs, "billing") == {"web", "billing"}
    assert awaited(needs, "independent") == awaited(needs, "docs") == set()
    assert awaited(needs, "worker") == {"api"}


def test_what_a_migration_depends_on_directly_or_not_does_not_wait_for_it() -> None:
    needs = build_precedence(
        {
            "web": Waits(migrates=True, before=("pgbouncer",)),
            "pgbouncer": Waits(depends_on=("postgres",)),
            "postgres": Waits(),
            "api": Waits(migrates=True),
            "worker": Waits(),
        }
    )
    assert awaited(needs, "pgbouncer") == awaited(needs, "postgres") == {"api"}
    assert awaited(needs, "worker") == {"web", "api"}


def test_migrations_that_depend_on_each_others_needs_close_no_circle() -> None:
    needs = build_precedence(
        {
            "a": Waits(migrates=True, before=("postgres",)),
            "b": Waits(migrates=True, before=("cache",)),
            "postgres": Waits(),
            "cache": Waits(),
        }
    )
    sort_by_needs(needs)
    assert "a" not in awaited(needs, "postgres")
    assert "b" not in awaited(needs, "cache")


def test_migrations_after_the_version_wait_for_all_who_wait_for_those_before_it() -> None:
    needs = build_precedence({"web": WEB, "worker": WORKER, "docs": Waits(wait_for_migrations=False)})
    assert {need for need in needs[after("web")] if need.part is Part.ROLLOUT} == {rollout("web"), rollout("worker")}


def test_migrations_after_the_version_may_depend_on_what_waits_for_those_before_it() -> None:
    waits = {"web": Waits(migrates=True, after=("worker",)), "worker": Waits(wait_for_migrations=("web",))}
    assert find_cycles(build_written(waits)) == []
    needs = build_precedence(waits)
    assert find_all_needs(needs, after("web")) == {before("web"), rollout("web"), rollout("worker"), after("web")}


def test_rollouts_follow_those_that_they_depend_on() -> None:
    needs = build_precedence({"web": Waits(depends_on=("redis", "unknown")), "redis": Waits()})
    assert needs == {rollout("web"): (rollout("redis"),), rollout("redis"): ()}


def test_circles_that_are_written_stay() -> None:
    waits = {"web": Waits(migrates=True, before=("worker",)), "worker": Waits(wait_for_migrations=("web",))}
    assert [set(circle) for circle in find_cycles(build_precedence(waits))] == [{before("web"), rollout("worker")}]


NAMES = st.sampled_from("abcde")
ANY_WAITS = st.builds(
    Waits,
    depends_on=st.lists(NAMES, max_size=2).map(tuple),
    wait_for_migrations=st.none() | st.booleans() | st.lists(NAMES, max_size=2).map(tuple),
    migrates=st.booleans(),
    before=st.lists(NAMES, max_size=2).map(tuple),
    after=st.lists(NAMES, max_size=2).map(tuple),
)


@given(st.dictionaries(NAMES, ANY_WAITS))
def test_what_is_not_written_closes_no_circle_and_leaves_no_deployment_out(waits: dict[str, Waits]) -> None:
    written = build_written(waits)
    if find_cycles(written):
        return
    needs = build_precedence(waits)
    sort_by_needs(needs)
    for name, each in waits.items():
        for other in waits if each.waits_for_all else ():
            if before(other) in needs and rollout(name) not in find_all_needs(needs, before(other)):
                assert other in awaited(needs, name)
