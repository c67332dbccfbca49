"""Kill, suspend and interrupt a deploying program at any moment: nothing runs twice, nothing is lost."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from ks_universal.api.cluster import rollback
from ks_universal.engine.events import AttemptStarted, Emit, Event, ObjectChanged, StepStarted
from ks_universal.plan.build import MigratePolicy
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, LEASE, POD
from ks_universal.targets.kubernetes.observed.pods import has_succeeded, is_finished, owner
from support.cluster_release import new_namespace, release
from support.deploying import deploy, get, items, start

SERVE = "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"
EFFECTS = Path("/var/tmp/ksu-effects")


def step(name: str) -> str:
    """A migration that notes when it begins and ends, and takes a second."""
    note = f"$(cut -d' ' -f1 /proc/uptime) >> /effects/{name}"
    return f"echo begin {note}; echo {name}; sleep 1; echo end {note}"


def values(namespace: str, colour: str = "red") -> str:
    """Two applications with three migration steps, which leave their marks on the node."""
    return f"""
configs:
  settings: {{type: configMap, data: {{COLOUR: {colour}}}}}
deploymentsGeneral:
  volumes:
    - {{name: effects, hostPath: {{path: {EFFECTS}/{namespace}, type: DirectoryOrCreate}}}}
deployments:
  first:
    migrations:
      enabled: true
      backoffLimit: 0
      volumeMounts: [{{name: effects, mountPath: /effects}}]
      steps:
        - {{name: schema, args: ["-c", "{step("first-schema")}"]}}
        - {{name: data, args: ["-c", "{step("first-data")}"]}}
    containers:
      main: &main
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "{SERVE}"]
        readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
        envFrom: [{{type: configMap, configName: settings}}]
  second:
    migrations:
      enabled: true
      backoffLimit: 0
      volumeMounts: [{{name: effects, mountPath: /effects}}]
      args: ["-c", "{step("second")}"]
    containers:
      main: *main
"""


def read_effects(namespace: str) -> dict[str, list[tuple[str, float]]]:
    """What each step has noted: its begins and ends, with the machine's uptime in seconds."""
    notes = {path.name: path.read_text().split() for path in sorted((EFFECTS / namespace).iterdir())}
    return {
        name: [(word, float(at)) for word, at in zip(*[iter(words)] * 2, strict=True)] for name, words in notes.items()
    }


def read_events(process: "subprocess.Popen[str]", count: int) -> None:
    """Read that many of the program's events, or all of them."""
    assert process.stdout is not None
    for _ in zip(range(count), process.stdout, strict=False):
        pass


def read_until(process: "subprocess.Popen[str]", text: str) -> None:
    """Read the program's events until one contains a text."""
    assert process.stdout is not None
    assert any(text in line for line in process.stdout)


def end_state(namespace: str, revision: Revision) -> dict[str, object]:
    """What has to be the same after a kill, in whatever namespace: what runs, of what, and what the record says."""
    deployments = items(namespace, DEPLOYMENT)
    settings = get(namespace, CONFIG_MAP, "settings")
    return {
        "deployments": sorted((d["metadata"]["name"], d["status"].get("readyReplicas")) for d in deployments),
        "settings": settings and settings["data"],
        "jobs": sorted(job["metadata"]["name"] for job in items(namespace, JOB)),
        # By the pods' containers: their phase and the Job's own count follow later.
        "succeeded": sorted(owner(pod)[1] for pod in items(namespace, POD) if has_succeeded(pod)),
        "outcome": revision.outcome,
        "number": revision.number,
        "steps": [(record.id, record.outcome) for record in revision.steps],
        "is complete": revision.digests == revision.planned,
        "objects": sorted(str(ref) for ref in revision.objects),
    }


EVENTS = 41
"""About how many events a deploy has: what is waited for, and so how many there are, differs from run to run."""


@pytest.fixture(scope="module")
def undisturbed(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """The end state of a deploy that nobody disturbs."""
    with new_namespace(kubeconfig) as namespace:
        revision, events = deploy(namespace, values(namespace), tmp_path_factory.mktemp("undisturbed"))
        assert len(events) <= EVENTS + 3
        yield end_state(namespace, revision)


def each_step_has_had_its_effect_once_and_in_order(namespace: str) -> bool:
    effects = read_effects(namespace)
    words = {name: [word for word, _ in notes] for name, notes in effects.items()}
    once = {name: ["begin", "end"] for name in ("first-data", "first-schema", "second")}
    return words == once and effects["first-schema"][1][1] <= effects["first-data"][0][1]


def deploy_again(namespace: str, folder: Path) -> Revision:
    """Deploy after a kill; gives the run that this continued. Where that had ended before, there is nothing to do."""
    revision, events = deploy(namespace, values(namespace), folder)
    if revision.number == 1:
        return revision
    assert revision.steps == ()
    assert {event.change for event in events.of(ObjectChanged)} == {"unchanged"}
    return read_record(namespace)[0]


def read_record(namespace: str) -> tuple[Revision, ...]:
    async def main() -> tuple[Revision, ...]:
        async with release(namespace) as (target, _):
            return (await target.read_history()).revisions

    return asyncio.run(main())


@pytest.mark.parametrize("event", range(1, EVENTS + 1))
def test_resume_a_deploy_killed_at_any_event_ends_as_an_undisturbed_one(
    namespace: str, tmp_path: Path, undisturbed: dict[str, object], event: int
) -> None:
    with start(namespace, values(namespace), tmp_path) as process:
        read_events(process, event)
        process.kill()
    assert end_state(namespace, deploy_again(namespace, tmp_path)) == undisturbed
    assert each_step_has_had_its_effect_once_and_in_order(namespace)


@pytest.mark.parametrize(("first", "second"), [(6, 6), (12, 8), (16, 6), (20, 4), (24, 5), (30, 4)])
def test_resume_survives_a_second_kill_in_the_continued_run(
    namespace: str, tmp_path: Path, undisturbed: dict[str, object], first: int, second: int
) -> None:
    for event in (first, second):
        with start(namespace, values(namespace), tmp_path) as process:
            read_events(process, event)
            process.kill()
    assert end_state(namespace, deploy_again(namespace, tmp_path)) == undisturbed
    assert each_step_has_had_its_effect_once_and_in_order(namespace)


def test_resume_with_other_values_the_old_migration_is_really_stopped_first(namespace: str, tmp_path: Path) -> None:
    with start(namespace, values(namespace), tmp_path) as process:
        read_until(process, '"line":"second"')
        process.kill()
    revision, _ = deploy(namespace, values(namespace, "blue"), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    notes = read_effects(namespace)["second"]
    assert [word for word, _ in notes] in (["begin", "begin", "end"], ["begin", "end", "begin", "end"])
    assert all(earlier <= later for (_, earlier), (_, later) in pairwise(notes))


LONG = """
deployments:
  my-app:
    migrations:
      enabled: true
      steps: [{name: schema, args: ["-c", "trap 'exit 1' TERM; echo at work; sleep 300 & wait"]}]
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""


OLD = LONG.replace("enabled: true", "enabled: false")
OTHER = LONG.replace("schema", "other").replace("sleep 300", "sleep 1").replace("exit 1", "exit 0")


def go_back(namespace: str, disturb: Emit) -> Revision:
    """Roll back to the revision that succeeded last."""

    async def main() -> Revision:
        async with release(namespace) as (target, _):
            return await rollback(target, disturb, by="tests")

    return asyncio.run(main())


@pytest.mark.parametrize("then", ["no migrations", "other steps", "never", "rollback"])
def test_resume_with_other_steps_or_none_the_old_migration_is_really_stopped_first(
    namespace: str, tmp_path: Path, then: str
) -> None:
    left: list[int] = []

    def look(event: Event) -> None:
        is_rollout = isinstance(event, StepStarted) and event.kind == "rollout"
        if is_rollout or isinstance(event, AttemptStarted):
            pods = [pod for pod in items(namespace, POD) if owner(pod)[1] == "my-app-migrations-schema"]
            left.append(len(pods) + (get(namespace, JOB, "my-app-migrations-schema") is not None))

    deploy(namespace, OLD, tmp_path)
    with start(namespace, LONG, tmp_path) as process:
        read_until(process, '"line":"at work"')
        process.kill()
    assert get(namespace, JOB, "my-app-migrations-schema") is not None
    with ThreadPoolExecutor(1) as thread:

        def disturb(event: Event) -> None:
            thread.submit(look, event).result()

        match then:
            case "rollback":
                revision = go_back(namespace, disturb)
            case "never":
                never = MigratePolicy.NEVER
                revision, _ = deploy(namespace, LONG, tmp_path, disturb=disturb, migrate=never, force=True)
            case _:
                values = OTHER if then == "other steps" else OLD
                revision, _ = deploy(namespace, values, tmp_path, disturb=disturb)
    assert (revision.outcome, revision.back_to) == (Outcome.SUCCEEDED, 1 if then == "rollback" else None)
    assert left
    assert not any(left)


def test_one_at_a_time_two_deploys_started_together_follow_one_another(namespace: str, tmp_path: Path) -> None:
    with start(namespace, values(namespace), tmp_path) as one, start(namespace, values(namespace), tmp_path) as two:
        outputs = [one.communicate()[0], two.communicate()[0]]
        assert [one.returncode, two.returncode] == [0, 0]
    assert sum('"LockAwaited"' in output for output in outputs) == 1
    assert all([word for word, _ in notes] == ["begin", "end"] for notes in read_effects(namespace).values())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_real_stop_an_interrupted_deploy_leaves_no_migration_and_no_lock(
    namespace: str, tmp_path: Path, how: signal.Signals
) -> None:
    with start(namespace, values(namespace), tmp_path) as process:
        read_until(process, '"line":"second"')
        process.send_signal(how)
        _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert [pod for pod in items(namespace, POD) if not is_finished(pod)] == []
    lease = get(namespace, LEASE, "ks-universal.shop")
    assert lease is not None
    assert "holderIdentity" not in lease["spec"]
    shown = get(namespace, CONFIG_MAP, "ks-universal.shop.v1")
    assert shown is not None
    assert '"outcome": "interrupted"' in shown["data"]["revision.json"]


def test_one_at_a_time_a_deployer_suspended_past_its_lease_touches_nothing_when_it_wakes(
    namespace: str, tmp_path: Path
) -> None:
    with start(namespace, values(namespace), tmp_path) as process:
        read_until(process, '"line":"first-schema"')
        os.kill(process.pid, signal.SIGSTOP)
        revision, _ = deploy(namespace, values(namespace, "blue"), tmp_path)
        before = end_state(namespace, revision)
        os.kill(process.pid, signal.SIGCONT)
        _, errors = process.communicate()
    assert "LockLostError" in errors
    assert end_state(namespace, revision) == before
    assert before["settings"] == {"COLOUR": "blue"}
