"""The ports of Services, and which of them is meant where nobody says so (section 30 of the reference)."""

from collections.abc import Sequence

import msgspec

from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Port
from ks_universal.model.format.sections import Service
from ks_universal.model.format.workloads import Workload

MAIN = "main"
WEB = "http"
METRICS = "http-metrics"


class Offer(msgspec.Struct, frozen=True):
    """A port that a Service has; `container` and `port` say what is behind it where a deployment makes the Service."""

    name: str | None
    number: int
    container: str | None = None
    port: Port | None = None


def list_ports(workload: Workload) -> tuple[Offer, ...]:
    """List the ports of the auto-created Service of a deployment, in the order written, each number once.

    A name that a container before has used is told apart by its container.
    """
    offers: dict[str, Offer] = {}
    taken: set[tuple[int, str]] = set()
    for container_name, container in workload.containers.items():
        for port_name, port in container.ports.items():
            name = port_name if port_name not in offers else f"{container_name}-{port_name}"
            number = port.container_port if port.service_port is None else port.service_port
            if (number, port.protocol) not in taken:
                taken.add((number, port.protocol))
                offers[name] = Offer(name, number, container_name, port)
    return tuple(offers.values())


def find_ports(application: Application, service: str) -> tuple[Offer, ...] | None:
    """Find the ports of the Service of a name: a standalone one, else a deployment's; None where neither is known."""
    standalone = application.services.get(service)
    if standalone is not None:
        return _of_service(standalone)
    workload = application.workloads.get(service)
    return None if workload is None else list_ports(workload)


def choose_port(offers: Sequence[Offer], wanted: str = WEB) -> Offer | None:
    """Choose a port: the one of the wanted name, else the first of container `main`, else the first written."""
    named = (offer for offer in offers if offer.name == wanted)
    main = (offer for offer in offers if offer.container == MAIN)
    return next(named, None) or next(main, None) or next(iter(offers), None)


def _of_service(service: Service) -> tuple[Offer, ...]:
    return tuple(Offer(port.name, port.port) for port in service.ports)
