"""Deployments that the values pause: what needs their new version is left out, and is made up for later."""

from ks_universal.engine.events import StepFailed, StepKind, StepPaused, StepSkipped, StepSucceeded
from ks_universal.plan.records import Outcome
from ks_universal.resources.objects import ObjectRef
from ks_universal.testing.world import World
from support.releases import app, config, deploy, release

CONTRACT = {"name": "contract", "args": ["x"], "phase": "post"}
OLD, NEW = {"old": config(A="1")}, {"new": config(A="1")}


def test_a_paused_version_has_no_post_migrations_and_nothing_that_the_old_one_reads_is_deleted() -> None:
    world = World()
    deploy(release(OLD, web=app("expand", CONTRACT, configs=["old"])), world)
    paused = release(NEW, web=app("expand", CONTRACT, configs=["new"], tag="2.0", paused=True))
    revision, events = deploy(paused, world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.steps(StepPaused) == ["web/rollout"]
    assert {step.id: step.outcome for step in revision.steps} == {
        "web/migrations/expand": Outcome.SUCCEEDED,
        "web/migrations/contract": Outcome.SKIPPED,
    }
    assert "delete ConfigMap/old" in events.steps(StepSkipped)
    assert revision.runs == {"web": 1}

    resumed, events = deploy(release(NEW, web=app("expand", CONTRACT, configs=["new"], tag="2.0")), world)
    done = events.steps(StepSucceeded)
    assert "web/migrations/contract" in done
    assert "delete ConfigMap/old" in done
    assert resumed.runs == {"web": 3}
    assert ObjectRef("ConfigMap", "", "old") not in resumed.objects


def test_others_are_brought_up_beside_a_paused_version() -> None:
    revision, events = deploy(release(web=app("schema", paused=True), worker=app()), World())
    assert revision.outcome is Outcome.SUCCEEDED
    assert "worker/rollout" in events.steps(StepSucceeded)
    assert revision.runs == {"worker": 1}


def test_what_another_application_needs_of_a_paused_version_fails() -> None:
    """It would begin against the old version, or against nothing."""
    revision, events = deploy(release(db=app(paused=True), web=app("schema", depends_on=["db"])), World())
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    (failed,) = events.of(StepFailed)
    assert failed.step == "db/rollout"
    assert [cause.code for cause in failed.causes] == ["rollout/paused"]
    assert "web/migrations/schema, web/rollout" in failed.causes[0].message
    skipped = {event.step: event for event in events.of(StepSkipped)}
    migration, rollout = skipped["web/migrations/schema"], skipped["web/rollout"]
    assert (migration.kind, rollout.kind) == (StepKind.MIGRATE, StepKind.ROLL_OUT)
    assert (migration.because, migration.unchanged) == ("db/rollout", False)
