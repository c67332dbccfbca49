"""How many pods there are and must be: autoscalers, and disruption budgets."""

import re
from typing import Any

from ks_universal.model.checks.namespaces import check_lead
from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import (
    LIMITS,
    Autoscaler,
    Deployment,
    DisruptionBudget,
    ScaledWorkload,
    Workload,
)
from ks_universal.values.nodes import Path

_PERCENT = r"[0-9]+%"
_METRICS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_AWAY = ("External", "Object")
"""Metrics that something has while there are no pods."""
_TARGETS = ("averageUtilization", "averageValue", "value")


def check_scaling(application: Application, report: Report) -> None:
    """Check all budgets, autoscalers and the numbers of a rollout."""
    for name, workload in application.workloads.items():
        path = application.find_path(name)
        _check_budgets(path, workload, report)
        if isinstance(workload, Deployment):
            _check_strategy((*path, "strategy"), workload.strategy or {}, report)
        if isinstance(workload, ScaledWorkload) and workload.hpa is not None and workload.hpa != Autoscaler():
            _check_autoscaler((*path, "hpa"), workload.hpa, report)
            if name in application.hpas:
                clause = f"is also made by 'hpa' of the {workload.noun} '{name}'"
                report.error("names/duplicate", ("hpas", name), clause, "keep one of the two", key=True)
    for name, autoscaler in application.hpas.items():
        _check_autoscaler(("hpas", name), autoscaler, report)
        if "scaleTargetRef" in autoscaler.kubernetes:
            continue
        scaled = {name: w for name, w in application.workloads.items() if isinstance(w, ScaledWorkload)}
        if name in scaled:
            check_lead(application, report, ("hpas", name), application.find_path(name))
        elif name in application.workloads or name not in report.workload_names:
            clause = "scales nothing: no deployment or stateful set has its name, and it has no 'scaleTargetRef'"
            hint = report.suggest(name, scaled)
            report.error("references/unknown-deployment", ("hpas", name), clause, hint, key=True)


def _check_budgets(path: Path, workload: Workload, report: Report) -> None:
    for key, budget in (("pdbConfig", workload.pdb_config), ("pdb", workload.pdb)):
        if budget is not None:
            _check_limits((*path, key), budget, report)
    manual = workload.pdb
    said = any(x in (manual.kubernetes if manual else ()) or report.is_broken((*path, "pdb", x)) for x in LIMITS)
    if manual is not None and manual != DisruptionBudget() and not said:
        clause = "needs one of the keys 'minAvailable' and 'maxUnavailable'"
        report.error("values/missing-key", (*path, "pdb"), clause, key=True)
    if workload.auto_create_pdb and manual is not None and workload.pdb_config is not None:
        clause = "is not used: 'pdbConfig' says what the budget is"
        report.warn("values/contradiction", (*path, "pdb"), clause, "keep one of the two", key=True)


def _check_limits(path: Path, budget: DisruptionBudget, report: Report) -> None:
    written = [limit for limit in LIMITS if limit in budget.kubernetes]
    if len(written) == 2:
        clause = "says both 'minAvailable' and 'maxUnavailable': Kubernetes takes one of them"
        report.error("values/contradiction", path, clause, "keep one of them", key=True)
    for limit in written:
        check_share((*path, limit), budget.kubernetes[limit], report, most=100)


def _check_strategy(path: Path, strategy: dict[str, Any], report: Report) -> None:
    rolling = strategy.get("rollingUpdate", {})
    if rolling and strategy.get("type") == "Recreate":
        clause = "is only for the type RollingUpdate"
        report.error("values/contradiction", (*path, "rollingUpdate"), clause, "leave it out", key=True)
    for key, most in (("maxSurge", None), ("maxUnavailable", 100)):
        if key in rolling:
            check_share((*path, "rollingUpdate", key), rolling[key], report, most=most)
    if rolling.get("maxSurge") in (0, "0%") and rolling.get("maxUnavailable") in (0, "0%"):
        clause = "allows no step: maxSurge and maxUnavailable are both 0"
        report.error("values/contradiction", (*path, "rollingUpdate"), clause, "make one of them 1", key=True)


def check_share(path: Path, value: int | str, report: Report, *, most: int | None) -> None:
    """Check a number of pods, or a share of all; `most` in percent."""
    if isinstance(value, int):
        if value < 0:
            report.error("values/out-of-range", path, "must not be negative")
    elif not re.fullmatch(_PERCENT, value):
        report.error("values/wrong-type", path, "must be a whole number or a percentage", "such as 1 or 50%")
    elif most is not None and float(value.removesuffix("%")) > most:
        report.error("values/out-of-range", path, f"must be at most {most}%")


def _check_autoscaler(path: Path, autoscaler: Autoscaler, report: Report) -> None:
    spec = autoscaler.kubernetes
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas")
    if most is None:
        report.missing(path, "maxReplicas")
    elif most < max(least, 1):
        clause = f"must be at least {max(least, 1)}, the smallest number of pods"
        report.error("values/out-of-range", (*path, "maxReplicas"), clause)
    if least < 0:
        report.error("values/out-of-range", (*path, "minReplicas"), "must not be negative")
    if least == 0 and not any(metric.get("type") in _AWAY for metric in spec.get("metrics", ())):
        clause = "can only be 0 with a metric of the type External or Object: no pods have no load"
        report.error("values/contradiction", (*path, "minReplicas"), clause, "write 1")
    if not spec.get("metrics"):
        report.missing(path, "metrics", "at least one metric")
    for index, metric in enumerate(spec.get("metrics", ())):
        _check_metric((*path, "metrics", index), metric, report)


def _check_metric(path: Path, metric: dict[str, Any], report: Report) -> None:
    key = _METRICS.get(metric.get("type", ""))
    if key is None:
        return
    if key not in metric:
        report.error("values/missing-key", path, f"needs the key '{key}', as its type says")
    elif not any(target in metric[key].get("target", {}) for target in _TARGETS):
        hint = "such as averageUtilization: 80"
        report.error("values/missing-key", (*path, key, "target"), f"needs one of the keys {', '.join(_TARGETS)}", hint)
