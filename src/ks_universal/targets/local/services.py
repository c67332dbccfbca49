"""The Services of a release on this machine: which pods they lead to, at which ports."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ks_universal.json_types import Json
from ks_universal.resources.objects import ObjectRef


class ServedPort(msgspec.Struct, frozen=True):
    """A TCP port of a Service, and the one of the pods that it leads to; `scheme` is empty where it may be no HTTP."""

    service: str
    port: int
    target: int
    scheme: str = ""

    def name_url(self, address: str) -> str:
        """Give what one types to reach it at an address: a URL where it speaks HTTP."""
        return f"{self.scheme}://{address}" if self.scheme else address


def find_services(template: Json, objects: Mapping[ObjectRef, Json]) -> list[Json]:
    """Find the Services that lead to the pods of a template."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    services = [body for ref, body in objects.items() if ref.kind == "Service"]
    return [service for service in services if _selects((service.get("spec") or {}).get("selector") or {}, labels)]


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def list_served(services: Sequence[Json], pod: Json) -> list[ServedPort]:
    """List the ports under which a pod is to be reached by the names of its Services."""
    return [
        _describe(service["metadata"]["name"], port, pod)
        for service in services
        for port in service["spec"].get("ports") or ()
        if is_tcp(port)
    ]


def _describe(service: str, port: Json, pod: Json) -> ServedPort:
    names = list_ports(pod)
    target = find_target(port, names)
    return ServedPort(service, int(port["port"]), target, _find_scheme(port, target, pod, names))


def _find_scheme(port: Json, target: int, pod: Json, names: Mapping[str, int]) -> str:
    """Tell by the names of the ports, or by a probe, that HTTP is spoken: nothing says so for certain."""
    container_ports = [each for container in list_containers(pod) for each in container.get("ports") or ()]
    said = [str(port.get("appProtocol") or ""), str(port.get("name") or "")]
    said += [str(each.get("name") or "") for each in container_ports if int(each["containerPort"]) == target]
    said += [str(probe.get("scheme") or "http").lower() for probe in _list_http_probes(pod, target, names)]
    spoken = next((word for word in said if word.startswith("http")), "")
    return ("https" if spoken.startswith("https") else "http") if spoken else ""


def _list_http_probes(pod: Json, target: int, names: Mapping[str, int]) -> Iterator[Json]:
    for container in list_containers(pod):
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            request = (container.get(kind) or {}).get("httpGet")
            if request and str(names.get(request["port"], request["port"])) == str(target):
                yield request


def find_target(port: Json, names: Mapping[str, int]) -> int:
    """Find the port of the pod that a Service's leads to; `names` are those of its ports."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, str) and not target.isdecimal():
        return names.get(target, int(port["port"]))
    return int(target)


def list_ports(pod: Json) -> dict[str, int]:
    """Give the TCP ports of a pod that have names."""
    ports = [port for each in list_containers(pod) for port in each.get("ports") or () if is_tcp(port)]
    return {port["name"]: int(port["containerPort"]) for port in ports if port.get("name")}


def list_containers(pod: Json) -> Sequence[Json]:
    """List the containers of a pod, those that run before the others first."""
    return [*(pod.get("initContainers") or ()), *pod["containers"]]


def is_tcp(port: Json) -> bool:
    """Tell whether a port of a container or Service is one of TCP."""
    return bool((port.get("protocol") or "TCP") == "TCP")
