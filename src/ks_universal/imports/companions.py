"""What an entry of a deployment makes beside it, where that is the same as what the input has."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from ks_universal.imports.clean import clean_object
from ks_universal.imports.compare import find_differences, normalize, number_ports
from ks_universal.imports.draft import Draft
from ks_universal.imports.read import Found
from ks_universal.imports.render import make
from ks_universal.imports.sections import read_autoscaler, read_ingress, read_metadata
from ks_universal.json_types import Json

KINDS = ("Service", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceMonitor")
"""The kinds that may be companions, in the order in which they are tried: an Ingress needs the Service."""


def add_companions(
    section: str, name: str, entry: Json, objects: Iterable[Found], draft: Draft
) -> tuple[Json, tuple[Found, ...]]:
    """Give the entry that makes as many of the objects as it can, and these."""
    made: list[Found] = []
    for kind in KINDS:
        for found in objects:
            if found.kind == kind and found.name == name:
                fitting = _fit(section, name, entry, found, draft)
                if fitting is not None:
                    entry = fitting
                    made.append(found)
    return entry, tuple(made)


def _fit(section: str, name: str, entry: Json, found: Found, draft: Draft) -> Json | None:
    body = clean_object(found.body)
    for tried in _try(entry, body):
        made = make({section: {name: tried}}, draft.release, draft.namespace)
        companion, workload = made.find(found.kind, name), _find_workload(made.rendered, name)
        if companion is None or workload is None:
            continue
        wanted = normalize(found.body)
        got = normalize(companion)
        if found.kind == "Service":
            pods = [workload["spec"]["template"]]
            wanted, got = number_ports(wanted, pods), number_ports(got, pods)
        elif found.kind == "ServiceMonitor":
            # What it selects is compared for all objects together, by what these labels meet.
            wanted["spec"] = {**wanted["spec"], "selector": got["spec"]["selector"]}
        if not any(find_differences(wanted, got)):
            return tried
    return None


def _find_workload(rendered: Any, name: str) -> Json | None:
    bodies = () if rendered is None else rendered.bodies
    return next((b for b in bodies if b["metadata"]["name"] == name and "template" in b.get("spec", {})), None)


def _try(entry: Json, body: Json) -> Iterator[Json]:
    match body["kind"]:
        case "Service":
            yield from _try_service(entry, body)
        case "Ingress":
            yield {**entry, "autoCreateIngress": True, "ingress": read_ingress(body)}
        case "HorizontalPodAutoscaler":
            scaled = {key: value for key, value in entry.items() if key != "replicas"}
            yield {**scaled, "hpa": read_autoscaler(body)}
        case "PodDisruptionBudget":
            yield from _try_budget(entry, body)
        case "ServiceMonitor":
            spec = {key: value for key, value in body["spec"].items() if key != "selector"}
            yield {**entry, "serviceMonitor": {**spec, **read_metadata(body)}}
        case _:
            raise ValueError(body["kind"])


def _try_service(entry: Json, body: Json) -> Iterator[Json]:
    spec = dict(body["spec"])
    tried = copy.deepcopy(entry)
    spec.pop("selector", None)
    ports = spec.pop("ports", [])
    kind = spec.pop("type", "ClusterIP")
    for port in ports:
        offered = _find_port(tried, port)
        if offered is None:
            return
        if port["port"] != offered["containerPort"]:
            offered["servicePort"] = port["port"]
        if "appProtocol" in port:
            offered["appProtocol"] = port["appProtocol"]
    tried["autoCreateService"] = True
    if kind != "ClusterIP":
        tried["serviceType"] = kind
    settings = {**spec, **read_metadata(body)}
    if settings:
        tried["serviceConfig"] = settings
    yield tried


def _find_port(entry: Json, port: Json) -> Json | None:
    """Find the port of a container that a port of a Service leads to."""
    target, protocol = port.get("targetPort", port["port"]), port.get("protocol", "TCP")
    for container in entry["containers"].values():
        for name, offered in container.get("ports", {}).items():
            if target in (name, offered["containerPort"]) and offered.get("protocol", "TCP") == protocol:
                found: Json = offered
                return found
    return None


def _try_budget(entry: Json, body: Json) -> Iterator[Json]:
    spec = {key: value for key, value in body["spec"].items() if key != "selector"}
    settings = {**({} if spec == {"maxUnavailable": 1} else spec), **read_metadata(body)}
    yield {**entry, "autoCreatePdb": True, **({"pdbConfig": settings} if settings else {})}
