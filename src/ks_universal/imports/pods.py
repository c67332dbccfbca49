"""Pod templates as entries of the values: containers by name, ports by name, images apart from their tags."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ks_universal.imports.clean import IDENTITY, is_roll_annotation
from ks_universal.json_types import Json
from ks_universal.model.format.images import split_image
from ks_universal.values.expressions.expand import quote_braces

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_OWN_OF_PODS = ("affinity", "imagePullSecrets", "priorityClassName", "securityContext", "serviceAccountName")
_SOURCES = {"configMapRef": "configMap", "secretRef": "secret"}

PortNames = Mapping[int, str]
"""What Services call the ports of pods that have no name themselves."""


class Template(msgspec.Struct, frozen=True):
    """A pod template as values: what the entry of any workload says of its pods."""

    labels: dict[str, str]
    annotations: dict[str, str]
    entry: Json
    is_rolled: bool
    """Whether annotations of the pods are there to restart them when their configuration changes."""


def read_pods(template: Json, port_names: PortNames | None = None) -> Template:
    """Read a pod template."""
    metadata, spec = template.get("metadata") or {}, template["spec"]
    annotations = metadata.get("annotations", {})
    kept = {key: text for key, text in annotations.items() if not is_roll_annotation(key, text)}
    entry: Json = {}
    if "initContainers" in spec:
        entry["initContainers"] = {c["name"]: read_container(c, port_names or {}) for c in spec["initContainers"]}
    entry["containers"] = {c["name"]: read_container(c, port_names or {}) for c in spec["containers"]}
    entry |= {key: spec[key] for key in _OWN_OF_PODS if key in spec}
    entry |= {key: value for key, value in spec.items() if key not in entry and key != "activeDeadlineSeconds"}
    return Template(metadata.get("labels", {}), kept, entry, is_rolled=len(kept) < len(annotations))


def read_container(container: Json, port_names: PortNames) -> Json:
    """Read a container; the fields that the values have no keys for keep their own names."""
    repository, tag, digest = split_image(container.get("image", ""))
    entry: Json = {"image": container.get("image", "")} if digest or not tag else {"image": repository, "imageTag": tag}
    entry |= {key: container[key] for key in ("command", "args") if key in container}
    if container.get("ports"):
        entry["ports"] = dict(_read_port(port, port_names) for port in container["ports"])
    if container.get("env"):
        entry["env"] = [_read_variable(variable) for variable in container["env"]]
    if container.get("envFrom"):
        entry["envFrom"] = [_read_source(source) for source in container["envFrom"]]
    probes = {key: container[key] for key in _PROBES if key in container}
    if probes:
        entry["probes"] = probes
    known = {*entry, "name", "image", "env", "envFrom", "ports", *_PROBES}
    return entry | {key: value for key, value in container.items() if key not in known}


def name_port(port: Json, port_names: PortNames) -> str:
    """Give the name of a port, for one without a name that of the Service's port which leads to it."""
    number = port["containerPort"]
    return str(port.get("name") or port_names.get(number) or f"port-{number}")


def find_labels(own: dict[str, str], pods: dict[str, str]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Part the labels of a workload and its pods: what both have, what the pods alone have, what the workload alone.

    What names the application (`app.kubernetes.io/name` and its kin) is written anew by this program.
    """
    shared = {key: text for key, text in own.items() if pods.get(key) == text and key not in IDENTITY}
    of_pods = {key: text for key, text in pods.items() if own.get(key) != text and key not in IDENTITY}
    alone = {key: text for key, text in own.items() if key not in pods and key not in IDENTITY}
    return shared, of_pods, alone


def _read_port(port: Json, port_names: PortNames) -> tuple[str, Json]:
    return name_port(port, port_names), {key: value for key, value in port.items() if key != "name"}


def _read_variable(variable: Json) -> Json:
    source: Any = variable.get("valueFrom")
    if source is None:
        return {"name": variable["name"], "value": quote_braces(variable.get("value", ""))}
    if set(source) == {"secretKeyRef"}:
        return {"name": variable["name"], **source}
    return {"name": variable["name"], "valueFrom": source}


def _read_source(source: Json) -> Json:
    for key, kind in _SOURCES.items():
        reference = source.get(key)
        if reference is not None and "name" in reference:
            rest = {name: value for name, value in source.items() if name != key}
            named = {"type": kind, "configName": reference["name"]}
            optional = {"optional": True} if reference.get("optional") else {}
            return {**named, **optional, **rest}
    return source
