"""Resume: kill the program at any moment and run it again; it ends as an undisturbed run does."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ks_universal.engine.events import AttemptStarted
from ks_universal.engine.run import run, run_planned
from ks_universal.plan.build import build_plan
from ks_universal.plan.migrations_only import keep_migrations
from ks_universal.plan.records import Outcome, Revision, State
from ks_universal.plan.selection import MigratePolicy
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import Rendered
from ks_universal.testing.memory import MemoryTarget
from ks_universal.testing.world import KillSwitch, Try, World
from support.releases import Events, app, config, deploy, kill, list_stopped, release, secret


def build(version: str, **more: Any) -> Rendered:
    """Two applications with three steps that share a config; the second depends on the first."""
    configs = {"shared": config(VERSION=version), "db": secret(PASSWORD=f"{version}-password")}
    contract = {"name": "contract", "args": ["x"], "phase": "post"}
    return release(
        configs,
        api=app("schema", contract, tag=version, configs=["shared"], autoCreateService=True),
        web=app("data", tag=version, configs=["shared"], secrets=["db"], depends_on=more.get("depends_on", ())),
    )


FIRST, SECOND, THIRD = build("1.0"), build("2.0"), build("3.0")


def upgradable() -> World:
    """A world in which the first version runs, and in which one migration of the next fails once."""
    world = World()
    deploy(FIRST, world)
    world.history.clear()
    world.jobs.clear()
    world.old_pods["api"] = lambda: asyncio.sleep(0)
    return world


def run_until_killed(world: World, rendered: Rendered, at: int, **words: Any) -> bool:
    """Run, and be killed at a moment; tells whether that moment came."""
    return kill(world, rendered, at, partial(build_plan, **words))


def summary(world: World, revision: Revision) -> dict[str, Any]:
    """What must not differ between a disturbed run and an undisturbed one."""
    return {
        "objects": world.objects,
        "attempts": world.count("attempt-started"),
        "ended": world.count("attempt-ended"),
        "most at once": max(world.most_at_once.values()),
        "applied": world.count("applied"),
        "number": revision.number,
        "outcome": revision.outcome,
        "steps": {s.id: (s.outcome, s.digest, [a.exit_code for a in s.attempts]) for s in revision.steps},
        "order": [step.id for step in revision.steps],
        "digests": revision.digests,
        "inventory": set(revision.objects),
        "runs": revision.runs,
    }


def undisturbed(make: Callable[[], World], rendered: Rendered, **words: Any) -> dict[str, Any]:
    world = make()
    return summary(world, deploy(rendered, world, **words)[0])


def resume(world: World, rendered: Rendered) -> dict[str, Any]:
    """Run again, unless the killed run had come to its end but for saying so: a run after that is a new one."""
    latest = world.revisions[max(world.revisions)] if world.revisions else None
    over = latest is not None and latest.ended is not None and latest.by == "killed"
    return summary(world, latest if over and latest else deploy(rendered, world)[0])


def test_resume_pods_get_the_image_of_a_migration_that_was_done_before_the_kill() -> None:
    latest = release(web=app("expand", tag="latest"), worker=app(tag="latest"))

    def moved() -> World:
        world = World()
        deploy(latest, world)
        world.scripts["web/migrations/expand"] = (Try(image_ids={"app:latest": "sha256:2"}),)
        return world

    ids = {"app:latest": "sha256:2"}
    for _, world in kills(moved, latest):
        resume(world, latest)
        assert world.image_ids == {"web/rollout": ids, "worker/rollout": ids}


def kills(make: Callable[[], World], rendered: Rendered, **words: Any) -> list[tuple[int, World]]:
    """Worlds in which a run was killed, one for each of its moments."""
    return list_stopped(lambda world, at: run_until_killed(world, rendered, at, **words), make)


@pytest.mark.parametrize("make", [World, upgradable], ids=["first deploy", "upgrade"])
@pytest.mark.parametrize("rendered", [SECOND, build("2.0", depends_on=["api"])], ids=["apart", "dependent"])
def test_resume_a_run_killed_at_any_moment_ends_as_an_undisturbed_one(
    make: Callable[[], World], rendered: Rendered
) -> None:
    expected = undisturbed(make, rendered)
    steps = ("api/migrations/schema", "api/migrations/contract", "web/migrations/data")
    assert expected["attempts"] == dict.fromkeys(steps, 1)
    worlds = kills(make, rendered)
    assert len(worlds) > 50
    for at, world in worlds:
        assert (at, resume(world, rendered)) == (at, expected)


def test_resume_holds_with_retries_and_a_step_that_fails_for_good() -> None:
    def make() -> World:
        world = upgradable()
        world.scripts["api/migrations/schema"] = (Try(lines=("no",), exit_code=1),)
        return world

    rendered = release(
        {"shared": config(VERSION="2.0")},
        api=app({"name": "schema", "args": ["x"], "backoffLimit": 2}, configs=["shared"]),
        web=app("data"),
    )
    expected = undisturbed(make, rendered)
    assert expected["attempts"]["api/migrations/schema"] == 3
    for at, world in kills(make, rendered):
        failed = any(s.outcome is Outcome.MIGRATION_FAILED for s in world.revisions[max(world.revisions)].steps)
        found = resume(world, rendered)
        if failed and found["attempts"] != expected["attempts"]:  # known to have failed: it is tried anew, as a whole
            assert found["attempts"]["api/migrations/schema"] == 6
            found |= {key: expected[key] for key in ("attempts", "ended")}
        assert (at, found) == (at, expected)


def test_resume_survives_a_second_kill_at_any_moment_of_the_continued_run() -> None:
    expected = undisturbed(upgradable, SECOND)
    first = [at for at, world in kills(upgradable, SECOND) if 2 in world.revisions and world.revisions[2].ended is None]
    for at in first[:: len(first) // 8]:

        def make(at: int = at) -> World:
            world = upgradable()
            run_until_killed(world, SECOND, at)
            return world

        for again, world in kills(make, SECOND):
            assert (at, again, resume(world, SECOND)) == (at, again, expected)


def test_resume_with_other_values_the_running_migration_is_stopped_before_the_new_one_starts() -> None:
    expected = undisturbed(upgradable, THIRD)
    for at, world in kills(upgradable, SECOND):
        begun = len(world.history)
        running = {job.step for job in world.jobs.values() if job.running}
        revision, _ = deploy(THIRD, world)
        after = [(change.what, change.ref) for change in world.history[begun:]]
        for step in running:
            assert after.index(("attempt-stopped", step)) < after.index(("attempt-started", step)), at
        assert (world.objects, revision.digests) == (expected["objects"], expected["digests"]), at
        assert max(world.most_at_once.values()) == 1


def test_resume_going_back_to_the_old_values_after_a_kill_ends_with_the_old_state() -> None:
    old = upgradable().objects
    for at, world in kills(upgradable, SECOND):
        revision, _ = deploy(FIRST, world)
        assert (at, revision.outcome, world.objects) == (at, Outcome.SUCCEEDED, old)
        assert not any(job.running for job in world.jobs.values()), at


def test_resume_of_a_run_that_asked_for_all_migrations_does_not_need_to_ask_again() -> None:
    expected = undisturbed(upgradable, FIRST, migrate=MigratePolicy.ALWAYS)["attempts"]
    assert len(expected) == 3
    for at, world in kills(upgradable, FIRST, migrate=MigratePolicy.ALWAYS):
        if 2 in world.revisions:  # before, nothing had begun
            deploy(FIRST, world)
            assert (at, world.count("attempt-started")) == (at, expected)


def test_resume_takes_up_the_attempt_that_runs() -> None:
    world = World()
    never = asyncio.Event().wait
    world.scripts["web/migrations/one"] = (Try(pause=never),)
    rendered = release(web=app("one"))
    switch = KillSwitch()

    async def main() -> None:
        events = Events()
        task = asyncio.create_task(run(rendered, MemoryTarget(world, switch=switch), events, by="first"))
        while not events.of(AttemptStarted):
            await asyncio.sleep(0)
        switch.kill()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert world.jobs["web-migrations-one"].running
    del world.scripts["web/migrations/one"]
    _, events = deploy(rendered, world)
    assert [(e.number, e.resumed) for e in events.of(AttemptStarted)] == [(1, True)]


def test_resume_of_a_run_in_which_nothing_changed_migrates_nothing() -> None:
    for at, world in kills(upgradable, FIRST):
        deploy(FIRST, world)
        assert (at, world.count("attempt-started")) == (at, {})


def test_nothing_orphaned_what_a_killed_run_made_leaves_with_other_values() -> None:
    more = release({"shared": config(VERSION="1.0")}, new=app("one", configs=["shared"], autoCreateService=True))
    expected = undisturbed(upgradable, FIRST)["objects"]
    for at, world in kills(upgradable, more):
        deploy(FIRST, world)
        assert (at, world.objects) == (at, expected)


def migrate_only(world: World, rendered: Rendered) -> None:
    """Run the migrations before the new version, as `ks-universal migrate` does."""

    def plan(rendered: Rendered, state: State) -> Plan:
        return keep_migrations(build_plan(rendered, state), state)

    asyncio.run(run_planned(rendered, MemoryTarget(world), Events(), plan, by="migrate"))


def migrated() -> World:
    world = upgradable()
    migrate_only(world, SECOND)
    assert world.count("attempt-started") == {"api/migrations/schema": 1, "web/migrations/data": 1}
    return world


def test_a_deploy_repeats_nothing_that_the_first_of_several_migrates_has_done() -> None:
    world = migrated()
    migrate_only(world, SECOND)
    deploy(SECOND, world)
    assert set(world.count("attempt-started").values()) == {1}


def test_a_deploy_runs_the_migrations_of_its_version_where_migrate_has_run_those_of_another_since() -> None:
    world = migrated()
    migrate_only(world, FIRST)
    migrate_only(world, SECOND)
    assert world.count("attempt-started")["web/migrations/data"] == 3
    deploy(SECOND, world)
    assert world.count("attempt-started")["web/migrations/data"] == 3


def test_resume_of_a_deploy_after_migrate_does_not_repeat_what_migrate_has_done() -> None:
    expected = undisturbed(migrated, SECOND)
    assert set(expected["attempts"].values()) == {1}
    for at, world in kills(migrated, SECOND):
        assert (at, resume(world, SECOND)) == (at, expected)


def test_resume_of_a_deploy_after_migrate_runs_what_it_was_asked_to_run_again() -> None:
    for at, world in kills(migrated, SECOND, migrate=MigratePolicy.ALWAYS):
        if 3 in world.revisions and world.revisions[3].ended is None:
            deploy(SECOND, world)
            assert (at, world.count("attempt-started")["web/migrations/data"]) == (at, 2)
            assert not any(job.running for job in world.jobs.values()), at
