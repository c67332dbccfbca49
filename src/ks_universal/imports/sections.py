"""Objects that run no pods as entries of their sections. Whether an entry makes the object again is asked elsewhere."""

from collections.abc import Callable
from typing import Any

from ks_universal.imports.clean import IDENTITY
from ks_universal.json_types import Json

Entry = tuple[str, Json]
"""A section, and what is in it below the name of the object."""


def read_section(body: Json) -> Entry | None:
    """Read a cleaned object; None for a kind that has no section."""
    read = _READERS.get(body["kind"])
    return None if read is None else read(body)


def read_metadata(body: Json) -> Json:
    """Read the labels and annotations of an object."""
    metadata = body["metadata"]
    labels = {key: text for key, text in metadata.get("labels", {}).items() if key not in IDENTITY}
    said = {"labels": labels, "annotations": metadata.get("annotations", {})}
    return {key: value for key, value in said.items() if value}


def read_secret(body: Json) -> Json:
    """Read a Secret with its values."""
    text, binary = dict(body.get("stringData", {})), {}
    for key, value in body.get("data", {}).items():
        plain = _decode(value)
        if plain is None:
            binary[key] = value
        else:
            text.setdefault(key, plain)
    kind = body.get("type", "Opaque")
    return {
        "type": "secret",
        **({} if kind == "Opaque" else {"secretType": kind}),
        **({"data": text} if text else {}),
        **({"binaryData": binary} if binary else {}),
        **({"immutable": body["immutable"]} if "immutable" in body else {}),
        **read_metadata(body),
    }


def read_ingress(body: Json) -> Json:
    """Read the spec of an Ingress: hosts with their paths, where a rule has nothing else."""
    spec = dict(body["spec"])
    rules = spec.pop("rules", [])
    entry: Json = {key: spec.pop(key) for key in ("ingressClassName",) if key in spec}
    if rules and all("http" in rule and rule.get("host") for rule in rules):
        entry["hosts"] = [_read_host(rule, body["metadata"]["name"]) for rule in rules]
    elif rules:
        entry["rules"] = rules
    return {**entry, **spec, **read_metadata(body)}


def read_autoscaler(body: Json) -> Json:
    """Read the spec of an autoscaler; what scales the Deployment of its own name need not say so."""
    spec = dict(body["spec"])
    own = {"apiVersion": "apps/v1", "kind": "Deployment", "name": body["metadata"]["name"]}
    if spec.get("scaleTargetRef") == own:
        del spec["scaleTargetRef"]
    return {**spec, **read_metadata(body)}


def read_service_ports(body: Json) -> list[Json]:
    """Read the ports of a Service; a `targetPort` is text in the values."""
    return [
        {**port, **({"targetPort": str(port["targetPort"])} if "targetPort" in port else {})}
        for port in body["spec"].get("ports", ())
    ]


def _read_config(body: Json) -> Entry:
    parts: Json = {key: body[key] for key in ("data", "binaryData", "immutable") if key in body}
    return "configs", {"type": "configMap", **parts, **read_metadata(body)}


def _read_service(body: Json) -> Entry:
    spec = dict(body["spec"])
    kind = {"type": spec.pop("type")} if "type" in spec else {}
    ports = {"ports": read_service_ports(body)} if spec.pop("ports", None) else {}
    selector = spec.pop("selector", {})
    chosen = {} if kind.get("type") == "ExternalName" and not selector else {"selector": selector}
    return "services", {**kind, **chosen, **ports, **spec, **read_metadata(body)}


def read_claim(body: Json) -> Json:
    """Read the spec of a claim, and its labels and annotations."""
    spec = dict(body["spec"])
    size: Json = {}
    if spec.get("resources", {}).keys() == {"requests"} and spec["resources"]["requests"].keys() == {"storage"}:
        size = {"size": spec.pop("resources")["requests"]["storage"]}
    modes = {"accessModes": spec.pop("accessModes")} if "accessModes" in spec else {}
    return {**modes, **size, **spec, **read_metadata(body)}


def _read_host(rule: Json, name: str) -> Json:
    paths = [_read_path(path, name) for path in rule["http"].get("paths", ())]
    return {"host": rule["host"], "paths": paths}


def _read_path(path: Json, name: str) -> Json:
    service = path.get("backend", {}).get("service")
    entry = {key: value for key, value in path.items() if key != "backend"}
    if entry.get("pathType") == "Prefix":
        del entry["pathType"]
    port = (service or {}).get("port", {})
    if service is None or set(port) not in ({"number"}, {"name"}):
        return {**entry, "pathType": path.get("pathType"), "backend": path.get("backend")}
    if service["name"] != name:
        entry["service"] = service["name"]
    return entry | ({"port": port["number"]} if "number" in port else {"portName": port["name"]})


def _of_spec(section: str) -> Callable[[Json], Entry]:
    def read(body: Json) -> Entry:
        return section, {**(body.get("spec") or {}), **read_metadata(body)}

    return read


def _decode(value: str) -> str | None:
    """Decode base64 of text that YAML can hold; None for anything else."""
    import base64

    try:
        text = base64.b64decode("".join(value.split()), validate=True).decode()
    except ValueError:
        return None
    return text if all(character.isprintable() or character in "\n\t" for character in text) else None


_READERS: dict[str, Callable[[Json], Any]] = {
    "ConfigMap": _read_config,
    "HTTPRoute": _of_spec("httpRoutes"),
    "HorizontalPodAutoscaler": lambda body: ("hpas", read_autoscaler(body)),
    "Ingress": lambda body: ("ingresses", read_ingress(body)),
    "NetworkPolicy": _of_spec("networkPolicies"),
    "PersistentVolumeClaim": lambda body: ("persistentVolumeClaims", read_claim(body)),
    "ResourceQuota": _of_spec("resourceQuotas"),
    "Service": _read_service,
}
