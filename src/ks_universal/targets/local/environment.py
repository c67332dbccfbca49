"""A container's environment, out of its spec and the ConfigMaps and Secrets, as the kubelet makes it."""

import base64
import math
import os
import re
from collections.abc import Mapping

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.model.kubernetes.expansion import expand
from ks_universal.model.kubernetes.names import read_quantity
from ks_universal.model.kubernetes.pod_sources import ENV_FROM_SOURCES, ENV_SOURCES
from ks_universal.resources.objects import ObjectRef


class Sources(msgspec.Struct, frozen=True):
    """Where values come from: the objects by identity, and the pod that asks."""

    objects: Mapping[ObjectRef, Json]
    namespace: str
    pod: Json
    pod_name: str
    pod_ip: str = "127.0.0.1"

    def __repr__(self) -> str:
        return f"Sources({[str(ref) for ref in self.objects]} for {self.pod_name})"

    def data(self, kind: str, name: str) -> dict[str, str] | None:
        """Return the data of a ConfigMap or Secret as text; None when there is no such object."""
        body = self.objects.get(ObjectRef(kind, self.namespace, name))
        if body is None:
            return None
        if kind == "ConfigMap":
            return dict(body.get("data") or {})
        decoded = {k: base64.b64decode(v).decode(errors="replace") for k, v in (body.get("data") or {}).items()}
        return decoded | (body.get("stringData") or {})


def build_environment(
    container: Json, sources: Sources, *, overrides: Mapping[str, str]
) -> tuple[dict[str, str], list[Problem]]:
    """Return the container's variables, in order, and what is missing for them.

    `overrides` (expanded already) win over the spec's values of the same names, also where others refer to them.
    Order and expansion follow the kubelet's makeEnvironmentVariables: envFrom first, then env from top to bottom.
    """
    known = dict(overrides)
    problems: list[Problem] = []
    for source in container.get("envFrom") or ():
        values, problem = _read_all(source, sources)
        known |= {name: value for name, value in values.items() if name not in overrides}
        problems += [problem] if problem else []
    for variable in container.get("env") or ():
        name = variable["name"]
        if name in overrides:
            continue
        if (origin := variable.get("valueFrom")) is None:
            known[name] = expand(variable.get("value") or "", known)
            continue
        value, problem = _read_one(origin, container, sources)
        problems += [problem] if problem else []
        if value is not None:
            known[name] = value
    return known, problems


def _read_all(source: Json, sources: Sources) -> tuple[dict[str, str], Problem | None]:
    kind, reference = next((kind, source[key]) for key, kind in ENV_FROM_SOURCES if key in source)
    data = sources.data(kind, reference["name"])
    if data is None:
        return {}, None if reference.get("optional") else _missing_object(kind, reference["name"])
    prefix = source.get("prefix") or ""
    return {prefix + key: value for key, value in data.items()}, None


def _read_one(origin: Json, container: Json, sources: Sources) -> tuple[str | None, Problem | None]:
    for key, kind in ENV_SOURCES:
        if key in origin:
            return _read_key(kind, origin[key], sources)
    if "fieldRef" in origin:
        return read_field(origin["fieldRef"]["fieldPath"], sources), None
    return _read_resource(origin.get("resourceFieldRef") or {}, container), None


def _read_key(kind: str, reference: Json, sources: Sources) -> tuple[str | None, Problem | None]:
    data = sources.data(kind, reference["name"])
    if data is not None and reference["key"] in data:
        return data[reference["key"]], None
    if reference.get("optional"):
        return None, None
    if data is None:
        return None, _missing_object(kind, reference["name"])
    return None, Problem("local/missing-key", f"{kind} {reference['name']} has no key {reference['key']!r}")


def _missing_object(kind: str, name: str) -> Problem:
    hint = "describe it under 'configs' in a values file for here (-f), or set its variables in 'local.env'"
    return Problem("local/missing-object", f"there is no {kind} {name}", hint=hint)


def read_field(path: str, sources: Sources) -> str:
    """Read a field of the pod, as `fieldRef` names it; an address is the pod's."""
    metadata = sources.pod.get("metadata") or {}
    if entry := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((metadata.get(entry[1]) or {}).get(entry[2], ""))
    fields = {
        "metadata.name": sources.pod_name,
        "metadata.namespace": sources.namespace,
        "metadata.uid": f"local-{sources.pod_name}",
        "spec.nodeName": os.uname().nodename,
        "spec.serviceAccountName": (sources.pod.get("spec") or {}).get("serviceAccountName") or "default",
    }
    return fields.get(path, sources.pod_ip)


def _read_resource(reference: Json, container: Json) -> str:
    """Return the limit or request, in the divisor's units, rounded up; without one, what this machine has."""
    kind, _, name = str(reference.get("resource", "limits.cpu")).partition(".")
    quantity = ((container.get("resources") or {}).get(kind) or {}).get(name)
    amount = read_quantity(str(quantity)) if quantity is not None else _machine_has(name)
    divisor = read_quantity(str(reference.get("divisor") or "1")) or 1
    return str(math.ceil(amount / divisor))


def _machine_has(resource: str) -> float:
    if resource == "memory":
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return float(os.cpu_count() or 1)
