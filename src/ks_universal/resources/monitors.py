"""ServiceMonitors of deployments (section 18 of the values reference)."""

from ks_universal.model.application import Application
from ks_universal.model.monitors import Monitor, MonitorsGeneral
from ks_universal.model.ports import METRICS, choose_port, find_ports
from ks_universal.model.workloads import Deployment
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, build_selector
from ks_universal.resources.objects import Json


def build_monitor(scope: Scope, name: str, deployment: Deployment, application: Application) -> Json | None:
    """Build the monitor of a deployment that asks for one: by the flag, or by a `serviceMonitor` that says anything."""
    monitor = deployment.service_monitor or Monitor()
    if not deployment.auto_create_service_monitor and monitor == Monitor():
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
