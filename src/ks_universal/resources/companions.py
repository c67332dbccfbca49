"""What a workload asks for beside its Services and account (sections 17 to 20, 28)."""

from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.model.format.application import Application
from ks_universal.model.format.host_rules import list_certified
from ks_universal.model.format.ports import METRICS, choose_port, find_ports
from ks_universal.model.format.workloads import (
    DEFAULT_ISSUER,
    DEFAULT_LIMIT,
    LIMITS,
    Autoscaler,
    Certificate,
    DisruptionBudget,
    Monitor,
    MonitorsGeneral,
    ScaledWorkload,
    Workload,
    secret_name,
)
from ks_universal.resources.ingresses import build_auto_ingress
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, build_selector, find_selector, within
from ks_universal.resources.routes import build_auto_route


def build_certificate(scope: Scope, name: str, certificate: Certificate, hosts: tuple[str, ...]) -> Json:
    """Build the certificate of an object for the hosts; a cluster's issuer wins over one of the namespace."""
    spec: Json = {
        "secretName": secret_name(name, certificate),
        "dnsNames": list(hosts),
        "issuerRef": _find_issuer(certificate),
        **certificate.kubernetes,
    }
    metadata = build_metadata(scope, name, build_labels(scope, name, certificate.labels), certificate.annotations)
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata, "spec": spec}


def _find_issuer(certificate: Certificate) -> Json:
    if certificate.issuer and not certificate.cluster_issuer:
        return {"kind": "Issuer", "name": certificate.issuer}
    return {"kind": "ClusterIssuer", "name": certificate.cluster_issuer or DEFAULT_ISSUER}


def build_budget(scope: Scope, name: str, workload: Workload) -> Json | None:
    """Build the budget of a workload that asks for one: by `autoCreatePdb`, or by a `pdb` with anything in it."""
    settings = _choose(workload)
    if settings is None:
        return None
    says = any(limit in settings.kubernetes for limit in LIMITS)
    spec = {**({} if says else DEFAULT_LIMIT), **settings.kubernetes}
    spec.setdefault("selector", {"matchLabels": find_selector(name, workload, scope.release)})
    metadata = build_metadata(scope, name, build_labels(scope, name, settings.labels), settings.annotations)
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}


def _choose(workload: Workload) -> DisruptionBudget | None:
    """Choose what the budget says; where both forms are written, the one that the flag is for."""
    manual = workload.pdb if workload.pdb != DisruptionBudget() else None
    if not workload.auto_create_pdb:
        return manual
    return workload.pdb_config or manual or DisruptionBudget()


def build_monitor(scope: Scope, name: str, workload: Workload, application: Application) -> Json | None:
    """Build the monitor of a workload that asks for one: by the flag, or by a `serviceMonitor` that says anything."""
    monitor = workload.service_monitor or Monitor()
    if not workload.auto_create_service_monitor and monitor == Monitor():
        return None
    general = scope.generic.service_monitor_general
    common = {**_list_defaults(general), **monitor.endpoint}
    port = _find_port(name, application)
    endpoints = [_add_port({**common, **endpoint}, port) for endpoint in monitor.endpoints or ({},)]
    spec = {
        "selector": {"matchLabels": build_selector(name, scope.release)},
        "endpoints": endpoints,
        **monitor.kubernetes,
    }
    labels = build_labels(scope, name, general.labels, monitor.labels)
    metadata = build_metadata(scope, name, labels, general.annotations, monitor.annotations)
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": metadata, "spec": spec}


def _list_defaults(general: MonitorsGeneral) -> Json:
    fields = {"interval": general.interval, "scrapeTimeout": general.scrape_timeout}
    return {key: value for key, value in fields.items() if value is not None}


def _find_port(name: str, application: Application) -> str | None:
    offer = choose_port(find_ports(application, name) or (), METRICS)
    return None if offer is None else offer.name


def _add_port(endpoint: Json, port: str | None) -> Json:
    if port is None or "port" in endpoint or "targetPort" in endpoint:
        return endpoint
    return {"port": port, **endpoint}


_TARGET = "scaleTargetRef"


def build_autoscaler(scope: Scope, name: str, autoscaler: Autoscaler, application: Application) -> Json:
    """Build the autoscaler; it scales the workload of its own name unless it says otherwise."""
    workload = application.workloads.get(name)
    kind = "Deployment" if workload is None else workload.kind
    target = {"apiVersion": "apps/v1", "kind": kind, "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": 1, **autoscaler.kubernetes}
    labels = build_labels(scope, name, autoscaler.labels)
    metadata = build_metadata(within(scope, autoscaler.namespace), name, labels, autoscaler.annotations)
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def find_autoscaler(workload: Workload) -> Autoscaler | None:
    """Find the autoscaler of a workload; `hpa: {}` is the same as none."""
    hpa = workload.hpa if isinstance(workload, ScaledWorkload) else None
    return None if hpa == Autoscaler() else hpa


def is_scaled(name: str, workload: Workload, application: Application) -> bool:
    """Tell whether an autoscaler says how many replicas a workload has."""
    if find_autoscaler(workload) is not None or not application.hpas:
        return find_autoscaler(workload) is not None
    own = application.hpas.get(name)
    return (own is not None and _TARGET not in own.kubernetes) or any(
        _leads_to(autoscaler.kubernetes[_TARGET], workload.kind, name)
        for autoscaler in application.hpas.values()
        if _TARGET in autoscaler.kubernetes
    )


def _leads_to(target: Json, kind: str, name: str) -> bool:
    return target.get("kind") == kind and target.get("name") == name


def build_companions(scope: Scope, name: str, workload: Workload, application: Application) -> Iterator[Json]:
    """Build what a workload asks for, in apply order."""
    budget = build_budget(scope, name, workload)
    if budget is not None:
        yield budget
    hpa = find_autoscaler(workload)
    if hpa is not None:
        yield build_autoscaler(scope, name, hpa, application)
    if workload.auto_create_certificate:
        hosts = list_certified(name, workload, scope.generic)
        yield build_certificate(scope, name, workload.certificate, hosts)
    for build in (build_auto_ingress, build_auto_route, build_monitor):
        body = build(scope, name, workload, application)
        if body is not None:
            yield body
