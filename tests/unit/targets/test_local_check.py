from pathlib import Path
from typing import Any

from ks_universal.diagnostics import Severity
from ks_universal.model.format.local import Local
from ks_universal.plan.steps import Apply, Plan
from ks_universal.targets.local.check import find_problems, read_pod
from ks_universal.targets.local.process_host import ProcessHost
from ks_universal.targets.local.state import StateFolder


def apply(kind: str, name: str) -> Apply:
    body: dict[str, Any] = {"kind": kind, "metadata": {"name": name}}
    return Apply(id=f"{kind}/{name}", body=body)


def test_jobs_and_cron_jobs_that_do_not_run_here_are_named_and_nothing_else_is(tmp_path: Path) -> None:
    steps = (apply("Service", "web"), apply("Job", "seed"), apply("ServiceAccount", "web"), apply("CronJob", "nightly"))
    plan = Plan(release="shop", namespace="ns", revision=1, steps=steps)
    (problem,) = find_problems(plan, {}, ProcessHost(StateFolder(tmp_path), None, tmp_path), Local(), set())
    assert (problem.code, problem.severity) == ("local/not-run", Severity.WARNING)
    assert problem.message == "not run on this machine: Job/seed, CronJob/nightly"


def test_the_pod_of_a_stateful_set_is_its_first_with_its_claims_as_volumes() -> None:
    template: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": {"volumes": [{"name": "tmp"}]}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": []}}
    spec = {"template": template, "ordinals": {"start": 3}, "volumeClaimTemplates": [claim]}
    pod = read_pod({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": spec})
    assert pod["metadata"]["labels"] == {
        "a": "b",
        "apps.kubernetes.io/pod-index": "3",
        "statefulset.kubernetes.io/pod-name": "db-3",
    }
    assert pod["spec"]["volumes"] == [{"name": "tmp"}, {"name": "data", "volumeClaimTemplate": {"accessModes": []}}]
    assert read_pod({"kind": "DaemonSet", "metadata": {"name": "a"}, "spec": {"template": template}}) is template


def test_extra_objects_without_their_controller_are_named_in_one_warning(tmp_path: Path) -> None:
    eso = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "db"}}
    bodies = (
        eso,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}},
        {**eso, "metadata": {"name": "x"}},
    )
    steps = tuple(Apply(id=str(index), body=body, awaits_ready=True) for index, body in enumerate(bodies))
    plan = Plan(release="shop", namespace="ns", revision=1, steps=steps)
    (problem,) = find_problems(plan, {}, ProcessHost(StateFolder(tmp_path), None, tmp_path), Local(), set())
    names = "ExternalSecret.external-secrets.io/db, ExternalSecret.external-secrets.io/x"
    assert (problem.code, problem.severity) == ("local/not-run", Severity.WARNING)
    assert problem.message == f"without effect on this machine: {names}"
    assert problem.hint is not None
    assert "nothing makes Secret/db, Secret/x here" in problem.hint
