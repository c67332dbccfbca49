"""HorizontalPodAutoscalers, of deployments and of `hpas` (section 20 of the values reference)."""

from ks_universal.model.application import Application
from ks_universal.model.autoscaling import Autoscaler
from ks_universal.model.workloads import Deployment
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, within
from ks_universal.resources.objects import Json

_TARGET = "scaleTargetRef"


def build_autoscaler(scope: Scope, name: str, autoscaler: Autoscaler) -> Json:
    """Build the autoscaler; it scales the deployment of its own name unless it says otherwise."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": 1, **autoscaler.kubernetes}
    labels = build_labels(scope, name, autoscaler.labels)
    metadata = build_metadata(within(scope, autoscaler.namespace), name, labels, autoscaler.annotations)
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def asks_for_autoscaler(deployment: Deployment) -> bool:
    """Tell whether a deployment has an autoscaler; `hpa: {}` is the same as none."""
    return deployment.hpa is not None and deployment.hpa != Autoscaler()


def is_scaled(name: str, deployment: Deployment, application: Application) -> bool:
    """Tell whether an autoscaler says how many replicas a deployment has."""
    if asks_for_autoscaler(deployment) or not application.hpas:
        return asks_for_autoscaler(deployment)
    own = application.hpas.get(name)
    return (own is not None and _TARGET not in own.kubernetes) or any(
        _is_deployment(autoscaler.kubernetes[_TARGET], name)
        for autoscaler in application.hpas.values()
        if _TARGET in autoscaler.kubernetes
    )


def _is_deployment(target: Json, name: str) -> bool:
    return target.get("kind") == "Deployment" and target.get("name") == name
