"""Workloads as entries: Deployments, StatefulSets, DaemonSets, Jobs and CronJobs."""

import msgspec

from ks_universal.imports.pods import PortNames, find_labels, read_pods
from ks_universal.imports.sections import read_claim
from ks_universal.json_types import Json
from ks_universal.resources.metadata import build_selector
from ks_universal.resources.objects import read_template

SECTIONS = {
    "CronJob": "cronJobs",
    "DaemonSet": "daemonSets",
    "Deployment": "deployments",
    "Job": "jobs",
    "StatefulSet": "statefulSets",
}
"""The kinds of objects that run pods, and their sections."""

SERVING = frozenset(("DaemonSet", "Deployment", "StatefulSet"))
"""The kinds whose pods serve: they have a selector, which can never change."""


class Workload(msgspec.Struct, frozen=True):
    """The entry of a workload, and what its author may want to know of it."""

    entry: Json
    alone: dict[str, str] = {}
    """Labels of the workload that its pods do not have."""
    is_rolled: bool = False


def read_workload(body: Json, release: str, port_names: PortNames | None = None) -> Workload:
    """Read a cleaned workload."""
    kind, metadata = body["kind"], body["metadata"]
    template = read_pods(read_template(body), port_names)
    spec = dict(body["spec"])
    selected = (spec.get("selector") or {}).get("matchLabels", {}) if kind in SERVING else {}
    shared, of_pods, alone = find_labels(metadata.get("labels", {}), template.labels)
    of_pods = {key: text for key, text in of_pods.items() if key not in selected}
    entry: Json = {}
    if kind in SERVING:
        entry |= {key: spec.pop(key) for key in ("replicas",) if key in spec}
        selector = spec.pop("selector", {})
        if selector.get("matchLabels") != build_selector(metadata["name"], release) or "matchExpressions" in selector:
            entry["selector"] = selector
        spec.pop("template")
        claims = spec.pop("volumeClaimTemplates", ())
        if claims:
            entry["volumeClaimTemplates"] = {claim["metadata"]["name"]: read_claim(claim) for claim in claims}
    elif kind == "CronJob":
        job = spec.pop("jobTemplate")["spec"]
        entry["schedule"] = spec.pop("schedule")
        spec |= {key: value for key, value in job.items() if key != "template"}
    else:
        spec.pop("template")
    pods = dict(template.entry)
    if pods.get("restartPolicy") == "Never":
        del pods["restartPolicy"]
    said = {
        "labels": shared,
        "annotations": metadata.get("annotations", {}),
        "podLabels": of_pods,
        "podAnnotations": template.annotations,
    }
    entry |= {key: value for key, value in said.items() if value}
    entry |= {**spec, **pods}
    if template.is_rolled and kind in SERVING:
        entry["restartOnConfigChange"] = "always"
    return Workload(entry, alone, template.is_rolled)
