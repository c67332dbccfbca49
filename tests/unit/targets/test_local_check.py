from pathlib import Path
from typing import Any

from ks_universal.diagnostics import Severity
from ks_universal.model.format.local import Local
from ks_universal.plan.steps import Apply, Plan
from ks_universal.targets.local.check import find_problems
from ks_universal.targets.local.containers import Machine


def apply(kind: str, name: str) -> Apply:
    body: dict[str, Any] = {"kind": kind, "metadata": {"name": name}}
    return Apply(id=f"{kind}/{name}", body=body)


def test_jobs_and_cron_jobs_that_do_not_run_here_are_named_and_nothing_else_is(tmp_path: Path) -> None:
    steps = (apply("Service", "web"), apply("Job", "seed"), apply("ServiceAccount", "web"), apply("CronJob", "nightly"))
    plan = Plan(release="shop", namespace="ns", revision=1, steps=steps)
    (problem,) = find_problems(plan, {}, Machine(Local(), tmp_path, {}), set())
    assert (problem.code, problem.severity) == ("local/not-run", Severity.WARNING)
    assert problem.message == "not run on this machine: Job/seed, CronJob/nightly"
