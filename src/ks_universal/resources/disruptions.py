"""PodDisruptionBudgets of deployments (section 19 of the values reference)."""

from ks_universal.model.disruptions import DEFAULT_LIMIT, LIMITS, DisruptionBudget
from ks_universal.model.workloads import Deployment
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, build_selector
from ks_universal.resources.objects import Json


def build_budget(scope: Scope, name: str, deployment: Deployment) -> Json | None:
    """Build the budget of a deployment that asks for one: by `autoCreatePdb`, or by a `pdb` with anything in it."""
    settings = _choose(deployment)
    if settings is None:
        return None
    says = any(limit in settings.kubernetes for limit in LIMITS)
    spec = {**({} if says else DEFAULT_LIMIT), **settings.kubernetes}
    spec.setdefault("selector", {"matchLabels": build_selector(name, scope.release)})
    metadata = build_metadata(scope, name, build_labels(scope, name, settings.labels), settings.annotations)
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}


def _choose(deployment: Deployment) -> DisruptionBudget | None:
    """Choose what the budget says; where both forms are written, the one that the flag is for."""
    manual = deployment.pdb if deployment.pdb != DisruptionBudget() else None
    if not deployment.auto_create_pdb:
        return manual
    return deployment.pdb_config or manual or DisruptionBudget()
