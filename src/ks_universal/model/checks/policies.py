"""Network policies and quotas."""

from ks_universal.model.application import Application
from ks_universal.model.checks.report import Report
from ks_universal.values.nodes import Path


def check_policies(application: Application, report: Report) -> None:
    """Check network policies and quotas."""
    for name, policy in application.network_policies.items():
        path: Path = ("networkPolicies", name)
        if "podSelector" not in policy.kubernetes and name not in report.names_below("deployments"):
            clause = "is for no pods: no deployment has its name, and it has no 'podSelector'"
            hint = "add 'podSelector'; {} is for all pods of the namespace"
            report.error("values/missing-key", path, clause, hint, key=True)
    for name, quota in application.resource_quotas.items():
        if not quota.kubernetes.get("hard"):
            report.missing(("resourceQuotas", name), "hard")
