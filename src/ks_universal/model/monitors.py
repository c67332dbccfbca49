"""ServiceMonitors of the Prometheus operator: section 18 of the reference, and the other fields of the kind."""

from typing import Annotated

from ks_universal.model.types import Format, Inline, Json, Kubernetes, Labels


class Monitor(Format, frozen=True, kw_only=True):
    """`deployments.NAME.serviceMonitor`. What is said beside `endpoints` holds for each of them that says nothing."""

    endpoints: tuple[Annotated[Json, Kubernetes("ServiceMonitorSpec.endpoints")], ...] = ()
    labels: Labels = {}
    annotations: Labels = {}
    endpoint: Annotated[Json, Inline("ServiceMonitorSpec.endpoints")] = {}
    kubernetes: Annotated[Json, Inline("ServiceMonitorSpec")] = {}


class MonitorsGeneral(Format, frozen=True, kw_only=True):
    """`generic.serviceMonitorGeneral`."""

    interval: str | None = None
    scrape_timeout: str | None = None
    labels: Labels = {}
    annotations: Labels = {}
