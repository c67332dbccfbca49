"""Which rollouts a plan has look for images that moved under their tag."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.build import build_plan
from ks_universal.plan.records import Attempt, Outcome, Revision, State, StepRecord
from ks_universal.plan.selection import MigratePolicy
from ks_universal.plan.show import show_plan
from ks_universal.plan.steps import Migrate, Plan, RollOut
from ks_universal.resources.objects import Rendered, object_ref
from support.releases import app, release

Json = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
POST = {"name": "contract", "args": ["x"], "phase": "post"}


def state(rendered: Rendered, *revisions: Revision) -> State:
    """All objects are there."""
    return State(revisions=revisions, objects={object_ref(r.body): r.body for r in rendered.objects})


def moving(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {step.id: step.moving for step in plan.steps if isinstance(step, RollOut)}


def plan(rendered: Rendered, before: Rendered | None = None) -> dict[str, tuple[str, ...]]:
    return moving(build_plan(rendered, state(before or rendered)))


@pytest.mark.parametrize("steps", [["expand"], ["expand", POST], [POST]], ids=["pre", "both", "post"])
def test_a_rollout_beside_migrations_looks_for_their_image(steps: list[Any]) -> None:
    assert plan(release(web=app(*steps, tag="latest"))) == {"web/rollout": ("app:latest",)}


def test_so_does_each_that_names_it_whether_or_not_it_waits_for_the_migrations() -> None:
    rendered = release(web=app("expand", tag="latest"), worker=app(tag="latest"), other=app(tag="1.0"))
    assert plan(rendered) == {
        "web/rollout": ("app:latest",),
        "worker/rollout": ("app:latest",),
        "other/rollout": (),
    }
    apart = release(web=app("expand", tag="latest"), worker=app(tag="latest", waitForMigrations=False))
    assert plan(apart) == {"web/rollout": ("app:latest",), "worker/rollout": ("app:latest",)}
    before = release(web=app("expand", tag="latest", depends_on=["api"]), api=app(tag="latest"))
    assert plan(before) == {"api/rollout": ("app:latest",), "web/rollout": ("app:latest",)}


def test_a_rollout_looks_for_nothing_where_no_pod_can_have_another_image_of_the_name() -> None:
    rendered = release(web=app("expand", tag="latest"))
    assert moving(build_plan(rendered, State())) == {"web/rollout": ()}
    assert plan(rendered, release(web=app("expand", tag="1.0"))) == {"web/rollout": ()}
    assert plan(release(web=app("expand", tag="1.0"))) == {"web/rollout": ()}


def test_without_migrations_nothing_is_looked_for() -> None:
    rendered = release(web=app("expand", tag="latest"))
    left_out = build_plan(rendered, state(rendered), migrate=MigratePolicy.NEVER)
    assert moving(left_out) == plan(release(web=app(tag="latest"))) == {"web/rollout": ()}


def test_a_sidecar_counts_and_a_container_that_only_prepares_the_pod_does_not() -> None:
    def worker(**more: Any) -> Json:
        own = {"image": "worker", "imageTag": "1.0"}
        return {
            "containers": {"main": own},
            "initContainers": {"other": {"image": "app", "imageTag": "latest", **more}},
        }

    web = app("expand", tag="latest")
    assert plan(release(web=web, worker=worker()))["worker/rollout"] == ()
    assert plan(release(web=web, worker=worker(restartPolicy="Always")))["worker/rollout"] == ("app:latest",)


def test_a_continued_run_looks_for_the_images_of_the_migrations_that_it_need_not_repeat() -> None:
    rendered = release(web=app("expand", tag="latest"))
    first = build_plan(rendered, state(rendered))
    (step,) = (step for step in first.steps if isinstance(step, Migrate))
    attempt = Attempt(number=1, started=NOW, duration_s=1.0, exit_code=0, image_ids={"app:latest": "sha256:1"})
    done = StepRecord(
        id=step.id, application="web", step="expand", phase=Phase.PRE, digest=step.digest, image="app:latest",
        command=(), outcome=Outcome.SUCCEEDED, attempts=(attempt,),
    )  # fmt: skip
    killed = Revision(
        number=1, release="demo", namespace="ns", by="x", started=NOW, planned=first.digests, steps=(done,)
    )
    continued = build_plan(rendered, state(rendered, killed))
    assert not [step for step in continued.steps if isinstance(step, Migrate)]
    assert moving(continued) == {"web/rollout": ("app:latest",)}


def test_the_plan_says_that_pods_may_restart() -> None:
    rendered = release(web=app("expand", tag="latest"))
    lines = list(show_plan(build_plan(rendered, state(rendered))))
    assert "roll out web/rollout (may restart: image app:latest may have moved under its tag)" in lines[2]


def test_a_record_of_before_is_read_without_ids() -> None:
    old = b'{"number":1,"started":"2026-01-01T00:00:00Z","duration_s":1.0,"exit_code":0}'
    assert msgspec.json.decode(old, type=Attempt).image_ids == {}
