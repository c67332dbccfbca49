"""What a deployment asks for beside its Deployment, Service and account: flags at a glance, section 28."""

from collections.abc import Iterator

from ks_universal.model.application import Application
from ks_universal.model.served import list_certified
from ks_universal.model.workloads import Deployment
from ks_universal.resources.autoscalers import asks_for_autoscaler, build_autoscaler
from ks_universal.resources.certificates import build_certificate
from ks_universal.resources.disruptions import build_budget
from ks_universal.resources.ingresses import build_auto_ingress
from ks_universal.resources.metadata import Scope
from ks_universal.resources.monitors import build_monitor
from ks_universal.resources.objects import Json
from ks_universal.resources.routes import build_auto_route


def build_companions(scope: Scope, name: str, deployment: Deployment, application: Application) -> Iterator[Json]:
    """Build what a deployment asks for, in apply order."""
    budget = build_budget(scope, name, deployment)
    if budget is not None:
        yield budget
    if deployment.hpa is not None and asks_for_autoscaler(deployment):
        yield build_autoscaler(scope, name, deployment.hpa)
    if deployment.auto_create_certificate:
        hosts = list_certified(name, deployment, scope.generic)
        yield build_certificate(scope, name, deployment.certificate, hosts)
    for build in (build_auto_ingress, build_auto_route, build_monitor):
        body = build(scope, name, deployment, application)
        if body is not None:
            yield body
