"""Which Jobs of the values a plan runs, and why."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ks_universal.json_types import Json
from ks_universal.plan.build import build_plan
from ks_universal.plan.one_off_jobs import find_job_digest, list_jobs, read_job_end, record_job
from ks_universal.plan.records import JobRecord, Outcome, Revision, State
from ks_universal.plan.show import show_plan
from ks_universal.plan.steps import Apply, Plan, RunJob
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref
from support.releases import app, render_values

SEED = ObjectRef("Job", "ns", "seed")
CONDITIONS = {Outcome.SUCCEEDED: "Complete", Outcome.FAILED: "Failed"}


def seed(tag: str = "1", **words: Any) -> Rendered:
    job = {"containers": {"main": {"image": "a", "imageTag": tag}}, **words}
    return render_values({"deployments": {"web": app("one")}, "jobs": {"seed": job}})


def body(rendered: Rendered) -> Json:
    return next(resource.body for resource in rendered.objects if object_ref(resource.body) == SEED)


def live(rendered: Rendered, outcome: Outcome) -> Json:
    """The Job as a cluster has it."""
    kind = CONDITIONS.get(outcome)
    at = "2026-01-01T00:00:00Z"
    conditions = [] if kind is None else [{"type": kind, "status": "True", "lastTransitionTime": at}]
    return {**body(rendered), "status": {"conditions": conditions}}


def state(before: Rendered, *, known: Outcome | None, there: Outcome | None, is_listed: bool = True) -> State:
    """A release after revision 3: how its Job is recorded, and how it is there; None: not at all."""
    objects = tuple(object_ref(resource.body) for resource in before.objects)
    digest = find_job_digest(body(before)) or ""
    revision = Revision(
        number=3,
        release="demo",
        namespace="ns",
        by="x",
        started=datetime(2026, 1, 1, tzinfo=UTC),
        outcome=Outcome.SUCCEEDED,
        objects=objects if is_listed else (),
        jobs={} if known is None else {"ns/seed": JobRecord(digest=digest, revision=2, outcome=known)},
    )
    return State(revisions=(revision,), objects={} if there is None else {SEED: live(before, there)})


def plan(rendered: Rendered, known: State | None = None) -> Plan:
    return build_plan(rendered, known or State())


def step(built: Plan) -> Apply | None:
    return next((s for s in built.steps if isinstance(s, Apply) and s.id == "Job/seed"), None)


def why(built: Plan) -> str:
    """Why it runs, or does not."""
    found = step(built)
    return found.why if isinstance(found, RunJob) else next((s.why for s in built.skipped_jobs), "")


def test_the_first_time_it_runs_and_its_end_is_awaited_where_the_values_say_so() -> None:
    for found, awaits in ((step(plan(seed())), False), (step(plan(seed(wait=True))), True)):
        assert isinstance(found, RunJob)
        assert (found.why, found.again, found.awaits_end) == ("it has not run yet", False, awaits)


@pytest.mark.parametrize("words", [{}, {"wait": True}, {"when": "install"}])
def test_one_that_succeeded_is_applied_and_does_not_run(words: dict[str, Any]) -> None:
    built = plan(seed(**words), state(seed(**words), known=Outcome.RUNNING, there=Outcome.SUCCEEDED))
    assert type(step(built)) is Apply


@pytest.mark.parametrize("words", [{}, {"wait": True}, {"when": "install"}])
@pytest.mark.parametrize("tag", ["1", "2"])
def test_one_that_failed_takes_its_own_place_whatever_it_runs_now(words: dict[str, Any], tag: str) -> None:
    found = step(plan(seed(tag, **words), state(seed(**words), known=Outcome.RUNNING, there=Outcome.FAILED)))
    assert isinstance(found, RunJob)
    assert (found.why, found.again) == ("it failed in revision 2", True)


def test_one_that_was_seen_to_fail_and_is_gone_runs_again() -> None:
    found = step(plan(seed(), state(seed(), known=Outcome.FAILED, there=None)))
    assert isinstance(found, RunJob)
    assert (found.why, found.again) == ("it failed in revision 2", False)


def test_one_that_runs_is_left_alone_and_awaited_where_the_values_say_so() -> None:
    assert type(step(plan(seed(), state(seed(), known=Outcome.RUNNING, there=Outcome.RUNNING)))) is Apply
    found = step(plan(seed(wait=True), state(seed(wait=True), known=Outcome.RUNNING, there=Outcome.RUNNING)))
    assert isinstance(found, RunJob)
    assert (found.why, found.again) == ("it has not ended yet", False)


def test_one_whose_end_nobody_saw_is_not_repeated_and_that_is_said() -> None:
    rendered = seed(ttlSecondsAfterFinished=5)
    (before,) = state(rendered, known=None, there=None).revisions
    record = JobRecord(digest=find_job_digest(body(rendered)) or "", revision=2, ttl_s=5)
    built = plan(rendered, State(revisions=(msgspec.structs.replace(before, jobs={"ns/seed": record}),)))
    expected = "it ran in revision 2, and its ttlSecondsAfterFinished of 5 s has removed it; nobody saw how it ended"
    assert (step(built), why(built)) == (None, expected)
    assert f"  skipped: Job/seed: {expected}" in list(show_plan(built))


def test_one_that_somebody_deleted_is_not_repeated() -> None:
    built = plan(seed(), state(seed(), known=Outcome.SUCCEEDED, there=None))
    assert why(built) == "it ran in revision 2, and it has been deleted since"
    assert SEED in built.objects


def test_a_changed_one_runs() -> None:
    assert why(plan(seed("2"), state(seed(), known=Outcome.RUNNING, there=Outcome.SUCCEEDED))) == (
        "what it runs has changed"
    )


@pytest.mark.parametrize("there", [Outcome.SUCCEEDED, Outcome.RUNNING, None])
@pytest.mark.parametrize("is_listed", [True, False])
def test_one_for_the_installation_does_not_run_for_another_tag_nor_when_it_left_and_came_back(
    there: Outcome | None, is_listed: bool
) -> None:
    before = state(seed(when="install"), known=Outcome.RUNNING, there=there, is_listed=is_listed)
    built = plan(seed("2", when="install"), before)
    assert (step(built), why(built)) == (None, "it ran in revision 2, and 'when: install' lets it run once")
    assert SEED in built.objects


def test_one_for_the_installation_that_is_new_in_a_release_runs() -> None:
    assert why(plan(seed(when="install"), state(seed(), known=None, there=None))) == "it has not run yet"


def test_one_that_nobody_noted_is_known_by_itself() -> None:
    built = plan(seed("2", when="install"), state(seed(when="install"), known=None, there=Outcome.SUCCEEDED))
    assert why(built) == "it ran in revision 3, and 'when: install' lets it run once"


def test_one_that_was_seen_to_fail_runs_again_also_where_its_condition_is_late() -> None:
    found = step(plan(seed(), state(seed(), known=Outcome.FAILED, there=Outcome.RUNNING)))
    assert isinstance(found, RunJob)
    assert (found.why, found.again) == ("it failed in revision 2", True)


def test_a_namesake_of_another_release_does_not_count() -> None:
    before = state(seed(), known=None, there=Outcome.SUCCEEDED)
    labels = {"app.kubernetes.io/instance": "other"}
    foreign = {**before.objects[SEED], "metadata": {**before.objects[SEED]["metadata"], "labels": labels}}
    assert why(plan(seed(), msgspec.structs.replace(before, objects={SEED: foreign}))) == "it has not run yet"


def test_a_record_of_earlier_versions_of_this_program_is_understood() -> None:
    digest = find_job_digest(body(seed())) or ""
    before = state(seed(), known=None, there=None).revisions[0]
    revision = msgspec.json.decode(
        msgspec.json.encode(msgspec.structs.replace(before, jobs={"ns/seed": digest})), type=Revision
    )
    assert list_jobs(revision) == {SEED: JobRecord(digest=digest, revision=3)}
    assert why(plan(seed(), State(revisions=(revision,)))).startswith("it ran in revision 3")


def test_the_jobs_of_a_release_are_those_that_it_has_and_those_to_which_the_run_did_not_come() -> None:
    made, left, new = (ObjectRef("Job", "ns", name) for name in ("made", "left", "new"))
    known = JobRecord(digest="d", revision=2, outcome=Outcome.SUCCEEDED)
    revision = Revision(
        number=3,
        release="demo",
        namespace="ns",
        by="x",
        started=datetime(2026, 1, 1, tzinfo=UTC),
        objects=(made, new),
        jobs={"ns/made": known, "ns/left": known},
        jobs_not_run=(new,),
    )
    assert left not in list_jobs(revision)
    assert list_jobs(revision) == {made: known, new: JobRecord(digest="", revision=3, outcome=Outcome.PENDING)}


def test_a_job_is_recorded_with_what_it_runs_and_how_long_the_cluster_keeps_it() -> None:
    job = body(seed(ttlSecondsAfterFinished=60))
    digest = find_job_digest(job)
    assert digest
    assert record_job(job, 4, Outcome.RUNNING) == JobRecord(digest=digest, revision=4, ttl_s=60)


@pytest.mark.parametrize(("kind", "status"), [("Complete", "False"), ("Suspended", "True")])
def test_a_job_ends_only_by_a_condition_that_says_so_and_holds(kind: str, status: str) -> None:
    conditions = [{"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    assert read_job_end({**body(seed()), "status": {"conditions": conditions}}) == (Outcome.RUNNING, None)
