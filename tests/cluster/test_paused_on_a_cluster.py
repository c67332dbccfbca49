"""A paused Deployment is never taken for one that is up; see kubectl rollout pause."""

import json
from pathlib import Path
from typing import Any

import pytest

from ks_universal.cli import run as run_command
from ks_universal.engine.events import Event, Waited
from ks_universal.errors import InputError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.api.kinds import JOB
from ks_universal.targets.kubernetes.rollout import rollout
from support.deploying import deploy, items, kubectl, write


def values(text: str, **more: Any) -> str:
    steps = [
        {"name": "expand", "command": ["echo"], "args": [f"expand {text}"]},
        {"name": "contract", "phase": "post", "command": ["echo"], "args": [f"contract {text}"]},
    ]
    script = f"echo {text}; trap 'exit 0' TERM; while :; do sleep 0.2; done"
    main = {"image": "busybox", "imageTag": "local", "command": ["sh", "-c", script]}
    app = {"migrations": {"enabled": True, "steps": steps}, "containers": {"main": main}, **more}
    return json.dumps({"deployments": {"app": app}})


def serving(namespace: str) -> str:
    return kubectl(namespace, "logs", "deployment/app").strip()


def outcomes(revision: Revision) -> dict[str, Outcome]:
    return {step.id.rpartition("/")[2]: step.outcome for step in revision.steps}


def test_what_somebody_has_paused_is_found_before_anything_is_changed(
    namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deploy(namespace, values("V1"), tmp_path)
    kubectl(namespace, "rollout", "pause", "deployment/app")
    jobs = {job["metadata"]["uid"] for job in items(namespace, JOB)}
    with pytest.raises(InputError) as caught:
        deploy(namespace, values("V2"), tmp_path)
    (problem,) = caught.value.problems
    assert problem.code == "kubernetes/paused"
    assert problem.message == "Deployment/app is paused (by kubectl-rollout): nothing of it rolls out"
    assert {job["metadata"]["uid"] for job in items(namespace, JOB)} == jobs
    assert serving(namespace) == "V1"

    assert run_command(["plan", "shop", "-n", namespace, "-f", write(tmp_path, values("V2"))]) == 1
    assert "hint: kubectl rollout resume deployment/app" in capfd.readouterr().err
    assert run_command(["status", "shop", "-n", namespace]) == 0
    assert "app: 1 of 1 ready; paused" in capfd.readouterr().out

    same, _ = deploy(namespace, values("V1"), tmp_path)  # nothing is to roll out
    assert same.outcome is Outcome.SUCCEEDED
    resumed, _ = deploy(namespace, values("V2", paused=False), tmp_path)
    assert resumed.outcome is Outcome.SUCCEEDED
    assert serving(namespace) == "V2"
    after, _ = deploy(namespace, values("V3"), tmp_path)
    assert after.outcome is Outcome.SUCCEEDED
    assert serving(namespace) == "V3"


def test_what_the_values_pause_is_applied_and_the_old_version_serves(
    namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deploy(namespace, values("V1"), tmp_path)
    file = write(tmp_path, values("V2", paused=True))
    assert run_command(["deploy", "shop", "-n", namespace, "-f", file, "--yes"]) == 0
    captured = capfd.readouterr()
    assert "warning[kubernetes/paused]: Deployment/app is paused by its values" in captured.err
    assert "shop, revision 2: is applied, and paused: the old version serves" in captured.out
    assert "| contract V2" not in captured.out
    assert serving(namespace) == "V1"

    resumed, _ = deploy(namespace, values("V2"), tmp_path)
    assert outcomes(resumed) == {"expand": Outcome.SUCCEEDED, "contract": Outcome.SUCCEEDED}
    assert serving(namespace) == "V2"


def test_a_first_version_that_the_values_pause_does_not_serve(namespace: str, tmp_path: Path) -> None:
    revision, _ = deploy(namespace, values("V1", paused=True), tmp_path)
    assert (revision.outcome, revision.runs) == (Outcome.SUCCEEDED, {})
    assert outcomes(revision) == {"expand": Outcome.SUCCEEDED, "contract": Outcome.SKIPPED}
    again, _ = deploy(namespace, values("V1", paused=True), tmp_path)
    assert outcomes(again)["contract"] is Outcome.SKIPPED


def test_a_rollout_that_somebody_pauses_on_its_way_is_said_to_be_and_given_up(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "_PAUSED_S", 5.0)
    deploy(namespace, values("V1"), tmp_path)
    probes = {"readinessProbe": {"exec": {"command": ["sleep", "4"]}, "timeoutSeconds": 10}}
    new = json.loads(values("V2", replicas=2, strategy={"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}))
    new["deployments"]["app"]["containers"]["main"] |= probes

    paused: list[str] = []

    def pause(event: Event) -> None:
        if isinstance(event, Waited) and "0 of 2 ready" in event.waits_for and not paused:
            paused.append(kubectl(namespace, "rollout", "pause", "deployment/app"))

    revision, events = deploy(namespace, json.dumps(new), tmp_path, disturb=pause)
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    assert "kubernetes/paused" in [cause.code for cause in revision.failures[0].causes]
    assert outcomes(revision)["contract"] is Outcome.SKIPPED
    assert any("paused" in event.waits_for for event in events.of(Waited))
