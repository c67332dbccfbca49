from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.fingerprints import fingerprint
from ks_universal.plan.records import Outcome, Revision, StepRecord
from ks_universal.plan.release import App, Release
from ks_universal.plan.selection import MigratePolicy, Verdict, decide, find_refusals
from ks_universal.resources.objects import Rendered
from support.releases import app, release

FIRST, SECOND = release(web=app("one", tag="1.0")), release(web=app("one", tag="2.0"))


def member_of(rendered: Rendered) -> tuple[App, str]:
    index = Release(rendered)
    app = index.apps["web"]
    return app, fingerprint(app, index)


def when(word: str, **more: Any) -> Rendered:
    built = app("one", **more)
    return release(web=built | {"migrations": built["migrations"] | {"when": word}})


def revision(number: int, planned: Rendered, known: Rendered | None, *outcomes: Outcome) -> Revision:
    """A run of `planned` after which `known` is certain."""
    steps = [
        StepRecord(
            id=f"web/{n}", application="web", step=str(n), phase=Phase.PRE, digest="d", image="i", command=(), outcome=o
        )
        for n, o in enumerate(outcomes)
    ]
    return Revision(
        number=number,
        release="demo",
        namespace="ns",
        by="tests",
        started=datetime(2026, 1, 1, tzinfo=UTC),
        planned={"web": member_of(planned)[1]},
        digests={} if known is None else {"web": member_of(known)[1]},
        steps=tuple(steps),
    )


def verdict(rendered: Rendered, *revisions: Revision, policy: MigratePolicy = MigratePolicy.AUTO) -> Verdict:
    return decide(*member_of(rendered), revisions, policy)


def test_migrations_run_in_the_first_deploy() -> None:
    assert verdict(FIRST) == Verdict(True, "first deploy")


def test_migrations_run_when_something_changed_and_what_is_said() -> None:
    assert verdict(SECOND, revision(1, FIRST, FIRST)) == Verdict(True, "image changed")


def test_no_migrations_run_when_nothing_changed_since_they_succeeded() -> None:
    history = (revision(1, SECOND, SECOND), revision(2, FIRST, FIRST), revision(3, FIRST, FIRST))
    assert verdict(FIRST, *history) == Verdict(False, "nothing changed since revision 2")


def test_no_migrations_run_where_only_the_application_changed() -> None:
    scaled = release(web=app("one", tag="1.0", replicas=3))
    history = (revision(1, SECOND, SECOND), revision(2, FIRST, FIRST), revision(3, scaled, scaled))
    assert verdict(scaled, *history[:2]) == Verdict(False, "nothing that they run with changed since revision 2")
    assert verdict(FIRST, *history) == Verdict(False, "nothing that they run with changed since revision 2")
    assert verdict(scaled, *history) == Verdict(False, "nothing changed since revision 3")


def test_migrations_run_for_an_image_alone_where_the_values_say_so() -> None:
    first, second = when("image"), when("image", securityContext={"fsGroup": 1})
    assert verdict(second, revision(1, first, first)) == Verdict(False, "no image of theirs changed since revision 1")
    assert verdict(when("image", tag="2.0"), revision(1, first, first)) == Verdict(True, "image changed")
    assert verdict(second, revision(1, first, None)) == Verdict(True, "revision 1 did not complete")
    assert verdict(second).run


def test_migrations_run_in_each_deploy_where_the_values_say_so() -> None:
    always = when("always")
    assert verdict(always, revision(1, always, always)) == Verdict(True, "'migrations.when' is 'always'")
    assert not verdict(always, revision(1, always, always), policy=MigratePolicy.NEVER).run


@pytest.mark.parametrize("word", ["changed", "image", "always"])
def test_what_the_user_asks_for_is_stronger_than_what_the_values_say(word: str) -> None:
    rendered = when(word)
    assert verdict(rendered, revision(1, rendered, rendered), policy=MigratePolicy.ALWAYS) == Verdict(True, "asked for")
    assert not verdict(when(word, tag="2.0"), revision(1, rendered, rendered), policy=MigratePolicy.NEVER).run


def test_a_record_of_an_older_version_makes_migrations_run_once_more() -> None:
    old = msgspec.structs.replace(revision(1, FIRST, FIRST), planned={"web": "a.b.c.d"}, digests={"web": "a.b.c.d"})
    assert verdict(FIRST, old) == Verdict(True, "the record was written by an older version of ks-universal")
    assert not verdict(FIRST, old, revision(2, FIRST, FIRST)).run


def test_migrations_run_again_when_the_last_run_failed() -> None:
    assert verdict(FIRST, revision(1, FIRST, None)) == Verdict(True, "revision 1 did not complete")


def test_after_a_run_that_left_them_out_they_run() -> None:
    skipped = msgspec.structs.replace(revision(1, FIRST, None), outcome=Outcome.SUCCEEDED)
    assert verdict(FIRST, skipped) == Verdict(True, "revision 1 left them out")


def test_migrations_run_on_the_way_back_from_a_version_that_failed() -> None:
    history = (revision(1, FIRST, FIRST), revision(2, SECOND, None))
    assert verdict(FIRST, *history) == Verdict(True, "image changed")


def test_a_run_that_did_not_touch_the_application_does_not_count() -> None:
    history = (revision(1, FIRST, FIRST), revision(2, SECOND, FIRST))
    assert verdict(FIRST, *history) == Verdict(False, "nothing changed since revision 1")


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({"image": "app", "imageTag": "1.0"}, False),
        ({"image": "app", "imageTag": "latest"}, True),
        ({"image": "app"}, True),
        ({"image": "host:5000/app"}, True),
        ({"image": "host:5000/app:1.0"}, False),
        ({"image": "app", "imageTag": "1.0", "imagePullPolicy": "Always"}, True),
        ({"image": "app", "imageTag": "latest", "imagePullPolicy": "IfNotPresent"}, False),
        ({"image": "app@sha256:" + "0" * 64, "imagePullPolicy": "Always"}, False),
    ],
)
def test_migrations_run_where_the_image_may_have_moved_under_its_tag(changes: dict[str, Any], moves: bool) -> None:
    web = app("one") | {"containers": {"main": {**changes}}}
    rendered = release(web=web)
    found = verdict(rendered, revision(1, rendered, rendered))
    assert found.run is moves
    assert ("may have moved" in found.why) is moves


def test_an_image_that_only_the_application_runs_does_not_make_migrations_run() -> None:
    built = app("one")
    rendered = release(web=built | {"containers": built["containers"] | {"proxy": {"image": "proxy"}}})
    assert not verdict(rendered, revision(1, rendered, rendered)).run


def test_an_init_container_without_a_tag_does_not_make_migrations_run() -> None:
    wait = {"name": "wait", "image": "alpine", "command": ["true"]}
    rendered = release(web=app({"name": "one", "args": ["x"], "initContainers": [wait]}))
    assert not verdict(rendered, revision(1, rendered, rendered)).run


def test_the_user_can_ask_for_migrations_and_leave_them_out() -> None:
    history = revision(1, FIRST, FIRST)
    assert verdict(FIRST, history, policy=MigratePolicy.ALWAYS) == Verdict(True, "asked for")
    assert not verdict(SECOND, history, policy=MigratePolicy.NEVER).run


@pytest.mark.parametrize(
    ("runs", "refused_for"),
    [
        ((), None),
        (((Outcome.SUCCEEDED, Outcome.SUCCEEDED),), None),
        (((Outcome.SUCCEEDED, Outcome.MIGRATION_FAILED),), 1),
        (((Outcome.SUCCEEDED, Outcome.RUNNING),), 1),
        (((Outcome.INTERRUPTED,),), 1),
        (((Outcome.MIGRATION_FAILED,), (Outcome.SUCCEEDED,)), None),
        (((Outcome.MIGRATION_FAILED, Outcome.SKIPPED), (Outcome.SKIPPED, Outcome.SKIPPED), ()), 1),
    ],
)
def test_migrations_cannot_be_left_out_after_a_run_of_them_that_did_not_succeed(
    runs: tuple[tuple[Outcome, ...], ...], refused_for: int | None
) -> None:
    history = [revision(number, FIRST, None, *outcomes) for number, outcomes in enumerate(runs, start=1)]
    problems = find_refusals([member_of(FIRST)[0]], history)
    assert [f"(revision {refused_for})" in p.message for p in problems] == ([] if refused_for is None else [True])
