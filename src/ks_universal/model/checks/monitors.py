"""ServiceMonitors: intervals, schemes, and the ports that are scraped."""

import re
from typing import Any

from ks_universal.model.checks.report import Report
from ks_universal.model.format.application import Application
from ks_universal.model.format.ports import find_ports
from ks_universal.model.format.workloads import Monitor, Workload
from ks_universal.values.nodes import Path

# The operator's own pattern for Duration; compiled when the first value needs it, not at each start.
_DURATION = r"(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)"
_SCHEMES = ("http", "https", "HTTP", "HTTPS")


def check_monitors(application: Application, report: Report) -> None:
    """Check all monitors and their general settings."""
    general = application.generic.service_monitor_general
    path: Path = ("generic", "serviceMonitorGeneral")
    _check_duration((*path, "interval"), general.interval, report)
    _check_duration((*path, "scrapeTimeout"), general.scrape_timeout, report)
    for name, workload in application.workloads.items():
        monitor = workload.service_monitor or Monitor()
        if workload.auto_create_service_monitor or monitor != Monitor():
            _check_monitor(application.find_path(name), workload, monitor, application, report)


def _check_monitor(path: Path, workload: Workload, monitor: Monitor, application: Application, report: Report) -> None:
    name = str(path[-1])
    below = (*path, "serviceMonitor")
    place = (*path, "autoCreateServiceMonitor") if workload.auto_create_service_monitor else below
    if name not in application.services and not workload.auto_create_service:
        clause = f"scrapes the Service '{name}', which these values do not make"
        report.warn("references/unknown-service", place, clause, "add 'autoCreateService: true'")
    ports = [offer.name for offer in find_ports(application, name) or () if offer.name is not None]
    _check_endpoint(below, monitor.endpoint, ports, report)
    for index, endpoint in enumerate(monitor.endpoints):
        _check_endpoint((*below, "endpoints", index), endpoint, ports, report)
    says = any("port" in e or "targetPort" in e for e in (monitor.endpoint, *monitor.endpoints))
    if not ports and not says:
        report.error("references/unknown-port", place, "scrapes no port: no container has one", "add 'ports'")


def _check_endpoint(path: Path, endpoint: dict[str, Any], ports: list[str], report: Report) -> None:
    for key in ("interval", "scrapeTimeout"):
        _check_duration((*path, key), endpoint.get(key), report)
    scheme = endpoint.get("scheme", "http")
    if scheme not in _SCHEMES:
        report.error(
            "values/unknown-value", (*path, "scheme"), "must be http or https", report.suggest(scheme, _SCHEMES)
        )
    port = endpoint.get("port")
    if port is not None and port not in ports:
        clause = f"names the port '{port}', which the Service does not have"
        report.error("references/unknown-port", (*path, "port"), clause, report.suggest(port, ports))


def _check_duration(path: Path, text: str | None, report: Report) -> None:
    if text is not None and not (text and re.fullmatch(_DURATION, text)):
        report.error("values/wrong-type", path, "must be a duration", "such as 30s, 1m or 1m30s")
