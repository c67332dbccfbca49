"""Stateful and daemon sets have the promises of Deployments: gated, rolled out, rolled back."""

from typing import Any

import pytest

from ks_universal.plan.build import build_plan
from ks_universal.plan.records import Outcome, State
from ks_universal.plan.steps import Delete, RollOut
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.testing.world import Try, World
from support.releases import deploy, render_values

Json = dict[str, Any]


def release(section: str, tag: str = "1", **more: Json) -> Rendered:
    """A database of a kind with migrations, and a web application that waits for it."""
    database = {
        "containers": {"main": {"image": "db", "imageTag": tag}},
        "migrations": {"enabled": True, "args": ["m"]},
    }
    web = {"containers": {"main": {"image": "web", "imageTag": tag}}, "dependsOn": ["db"]}
    return render_values({section: {"db": database}, "deployments": {"web": web}, **more})


@pytest.mark.parametrize("section", ["statefulSets", "daemonSets"])
def test_a_failing_migration_leaves_all_kinds_unchanged(section: str) -> None:
    world = World()
    assert deploy(release(section), world)[0].outcome is Outcome.SUCCEEDED
    world.history.clear()
    world.scripts["db/migrations"] = (Try(exit_code=1),)
    failed, _ = deploy(release(section, "2"), world)
    assert failed.outcome is Outcome.MIGRATION_FAILED
    assert failed.runs == {"db": 1, "web": 1}
    assert [effect for effect in world.history if effect.what in ("applied", "rolled-out")] == []


@pytest.mark.parametrize("section", ["statefulSets", "daemonSets"])
def test_each_kind_has_a_rollout_after_its_migrations_and_before_what_depends_on_it(section: str) -> None:
    plan = build_plan(release(section), State())
    rollouts = {step.id: step for step in plan.steps if isinstance(step, RollOut)}
    assert rollouts.keys() == {"db/rollout", "web/rollout"}
    assert "db/migrations" in rollouts["db/rollout"].needs
    assert "db/rollout" in rollouts["web/rollout"].needs


def test_an_application_that_becomes_of_another_kind_is_rolled_out_before_the_old_one_goes() -> None:
    world = World()
    assert deploy(release("daemonSets"), world)[0].outcome is Outcome.SUCCEEDED
    state = State(revisions=(world.revisions[1],), objects=dict(world.objects))
    plan = build_plan(release("statefulSets"), state)
    (gone,) = (step for step in plan.steps if isinstance(step, Delete))
    assert gone.identity == ObjectRef("DaemonSet", "ns", "db")
    order = [step.id for step in plan.steps]
    assert order.index("db/rollout") < order.index(gone.id)
