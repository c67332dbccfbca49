"""Values that read the time of the run, on the memory target."""

import pytest

from ks_universal.api.values import load, render
from ks_universal.engine.events import AttemptStarted
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.testing.world import Try, World
from support.releases import Events, deploy, kill_during

WEB = ObjectRef("Deployment", "ns", "web")
VALUES = """\
secretRefs: {stamp: [{name: STAMP, value: '{{ now | unixEpoch }}'}]}
deployments:
  web:
    containers:
      main:
        image: a
        imageTag: "%s"
        secretRefs: [stamp]
        env: [{name: DAY, value: '{{ date "2006-01-02" now }}'}]
    migrations: {enabled: true, backoffLimit: 0, steps: [{name: one, args: [up]}, {name: two, args: [up]}]}
"""


def release(now_s: int, tag: str = "1") -> Rendered:
    values = load(["-"], stdin=lambda: VALUES % tag, now_s=now_s)
    assert {problem.code for problem in values.problems} == {"expressions/clock"}
    return render(values, "demo", "ns")


def variables(world: World) -> dict[str, str]:
    (main,) = world.objects[WEB]["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in main["env"]}


def attempts(events: Events) -> list[str]:
    return [event.step for event in events.of(AttemptStarted)]


def test_when_a_time_that_passes_runs_no_migration_and_brings_out_the_new_pods() -> None:
    world = World()
    deploy(release(1_700_000_000), world)
    assert variables(world) == {"STAMP": "1700000000", "DAY": "2023-11-14"}
    _, events = deploy(release(1_800_000_000), world)
    assert variables(world) == {"STAMP": "1800000000", "DAY": "2027-01-15"}
    assert attempts(events) == []
    _, events = deploy(release(1_900_000_000, tag="2"), world)
    assert attempts(events) == ["web/migrations/one", "web/migrations/two"]


def test_resume_a_killed_run_goes_on_where_it_was_though_time_has_passed() -> None:
    world = World()
    killed = kill_during(world, "web/migrations/two", release(1_700_000_000))
    world.scripts["web/migrations/two"] = (Try(),)
    revision, events = deploy(release(1_800_000_000), world)
    assert revision.number == killed.number
    assert "web/migrations/one" not in attempts(events)
    assert variables(world)["STAMP"] == "1800000000"


def test_one_time_makes_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    values = load(["-"], stdin=lambda: VALUES % "1")
    assert values.now_s == 1_700_000_000
    shown = flavor_objects(render(values, "demo", "ns"), Flavor.PLAIN)
    assert shown == flavor_objects(release(1_700_000_000), Flavor.PLAIN)
    assert shown != flavor_objects(release(1_700_000_001), Flavor.PLAIN)


def test_a_time_that_is_none_is_a_finding_where_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert {problem.code for problem in load(["-"], stdin=lambda: VALUES % "1").problems} == {
        "expressions/clock",
        "expressions/failed",
    }
    silent = "deployments: {a: {containers: {main: {image: a, imageTag: '1'}}}}"
    values = load(["-"], stdin=lambda: silent)
    assert (values.problems, values.now_s, values.timeless) == ((), None, None)
