"""The proof: what an object of the input and the one that the values make say in different ways.

What does not count (docs/taking-over.md lists it): names of managers in labels and annotations, the labels
`app.kubernetes.io/name`, `instance` and `component`, defaults of the API server, names of ports that had none, a port
of a Service that is named by its number, node selectors that are written as affinity, digests of configuration.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ks_universal.imports.clean import IDENTITY, clean_object, is_roll_annotation
from ks_universal.imports.read import is_known
from ks_universal.json_types import Json
from ks_universal.resources.objects import WORKLOAD_KINDS, read_template

_IS_PORT = re.compile(r"\bports\[\d+\]$")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def normalize(body: Json) -> Json:
    """Give an object in one form: equal objects are those that do the same under other names of managers."""
    cleaned = clean_object(body)
    metadata = dict(cleaned["metadata"])
    metadata.pop("namespace", None)
    _drop_identity(metadata)
    cleaned["metadata"] = metadata
    if not is_known(body):
        return cleaned
    if body["kind"] in WORKLOAD_KINDS:
        cleaned["spec"] = _normalize_workload(cleaned)
    if body["kind"] == "Secret":
        cleaned["data"] = {**cleaned.get("data", {}), **_encode(cleaned.pop("stringData", {}))}
    return {key: value for key, value in cleaned.items() if value != {} or key == "spec"}


def find_differences(wanted: Any, made: Any, path: str = "") -> Iterator[str]:
    """Say in which fields two normalized objects differ; values are not repeated: they may be secrets."""
    if isinstance(wanted, dict) and isinstance(made, dict):
        for key in dict.fromkeys((*wanted, *made)):
            here = f"{path}.{key}".lstrip(".")
            if key not in made:
                yield f"{here} is missing"
            elif key in wanted:
                yield from find_differences(wanted[key], made[key], here)
            elif not (key == "name" and _IS_PORT.search(path)):
                yield f"{here} is added"
    elif isinstance(wanted, list) and isinstance(made, list):
        if len(wanted) != len(made):
            yield f"{path} has {len(made)} entries, not {len(wanted)}"
            return
        for index, (one, other) in enumerate(zip(wanted, made, strict=True)):
            yield from find_differences(one, other, f"{path}[{index}]")
    elif wanted != made:
        yield f"{path} is another"


def normalize_pods(template: Json) -> Json:
    """Give a pod template in one form."""
    metadata, spec = dict(template.get("metadata") or {}), dict(template["spec"])
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {key: text for key, text in annotations.items() if not is_roll_annotation(key, text)}
    _drop_identity(metadata)
    if "nodeSelector" in spec:
        spec["affinity"] = _require_nodes(spec.get("affinity", {}), spec.pop("nodeSelector"))
    return {**{key: value for key, value in {"metadata": metadata}.items() if value}, "spec": spec}


def _normalize_workload(body: Json) -> Json:
    spec = dict(body["spec"])
    if body["kind"] == "CronJob":
        job = dict(spec["jobTemplate"])
        # Labels and annotations of the Jobs that it makes are those of the CronJob itself here.
        job.pop("metadata", None)
        return {
            **spec,
            "jobTemplate": {**job, "spec": {**job["spec"], "template": normalize_pods(read_template(body))}},
        }
    spec["template"] = normalize_pods(spec["template"])
    return spec


def _drop_identity(metadata: Json) -> None:
    for key in ("labels", "annotations"):
        kept = {name: text for name, text in metadata.get(key, {}).items() if name not in IDENTITY}
        metadata.pop(key, None)
        if kept:
            metadata[key] = kept


def _require_nodes(affinity: Json, selector: dict[str, str]) -> Json:
    chosen = [{"key": key, "operator": "In", "values": [value]} for key, value in selector.items()]
    nodes = affinity.get("nodeAffinity", {})
    required = nodes.get(_REQUIRED, {})
    terms = [
        {**term, "matchExpressions": [*term.get("matchExpressions", ()), *chosen]}
        for term in required.get("nodeSelectorTerms", ())
    ]
    terms = terms or [{"matchExpressions": chosen}]
    return {**affinity, "nodeAffinity": {**nodes, _REQUIRED: {**required, "nodeSelectorTerms": terms}}}


def is_same(wanted: Json, made: Json | None) -> bool:
    """Tell whether two objects do the same."""
    return made is not None and not any(find_differences(normalize(wanted), normalize(made)))


def number_ports(service: Json, pods: Iterable[Json]) -> Json:
    """Write the ports of pods that a Service names by their numbers."""
    numbers = {
        port["name"]: port["containerPort"]
        for pod in pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if "name" in port
    }
    ports = [_number(port, numbers) for port in service["spec"].get("ports", ())]
    return {**service, "spec": {**service["spec"], "ports": ports}} if ports else service


def _number(port: Json, numbers: dict[str, int]) -> Json:
    number = numbers.get(port.get("targetPort", ""))
    if number is None:
        return port
    rest = {key: value for key, value in port.items() if key != "targetPort"}
    return rest if number == port["port"] else {**rest, "targetPort": number}


def _encode(texts: dict[str, str]) -> dict[str, str]:
    from base64 import b64encode

    return {key: b64encode(text.encode()).decode() for key, text in texts.items()}
