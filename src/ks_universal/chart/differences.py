"""What the chart did with a key and this program does otherwise (section 30 of the reference, the chart's defects)."""

from collections.abc import Iterator
from typing import NamedTuple

from ks_universal.chart.patterns import is_empty, is_true, match, match_maps
from ks_universal.chart.reads import READ_BY_CHART
from ks_universal.model.conversion.inherit import merge_general
from ks_universal.model.format.workloads import LIMITS
from ks_universal.model.reference.description import ROOT, FormatMap, Kind, MapOf, list_keys
from ks_universal.values.nodes import Mapping, Node, Path, Scalar, find

_INHERITED = READ_BY_CHART["deploymentsGeneral"] - {"probes", "strategy", "autoCreateSoftAntiAffinity"}
_ZEROS = {
    "deployments.*.migrations.backoffLimit": "the chart tried once more; now a failed migration is not repeated",
    "deployments.*.hpa.minReplicas": "the chart wrote 1",
    "jobs.*.backoffLimit": "the chart left it out, so that Kubernetes repeated the job 6 times; now it is not repeated",
    "cronJobs.*.backoffLimit": "the chart left it out, so that Kubernetes repeated jobs 6 times; now none is repeated",
    "jobs.*.activeDeadlineSeconds": "the chart left a 0 out",
    "cronJobs.*.activeDeadlineSeconds": "the chart left a 0 out",
    "cronJobs.*.startingDeadlineSeconds": "the chart left a 0 out",
    **dict.fromkeys(
        (f"{route}.rules.[].backendRefs.[].weight" for route in ("httpRoutes.*", "deployments.*.httpRoute")),
        "the chart left it out, which is 1 (D06); now no request goes there",
    ),
    **dict.fromkeys(
        (f"deployments.*.{budget}.{limit}" for budget in ("pdb", "pdbConfig") for limit in LIMITS),
        "the chart left it out (D20); now it is the limit",
    ),
}
_SWITCHES = ("autoCreate", "enabled")
_MONITORS = ("generic", "serviceMonitorGeneral", "labels")


class Difference(NamedTuple):
    """A key and what becomes of it, as a clause that follows its path."""

    path: Path
    clause: str


def find_differences(tree: Mapping) -> Iterator[Difference]:
    """Find the keys whose meaning differs; `tree` is as written, without what entries inherit."""
    yield from _find_ignored(tree)
    yield from _find_zeros(tree)
    yield from _find_overruled(tree)
    yield from _find_texts(tree)
    yield from _find_switches(tree, ROOT, ())
    yield from _find_classes(tree)
    yield from _find_probes(tree)
    for path, deployment in match_maps(tree, "deployments.*"):
        yield from _find_in_migrations(path, deployment)
        yield from _find_in_placement(path, deployment)
        yield from _find_in_ports(path, deployment)
        yield from _find_in_account(path, deployment, tree)
        yield from _find_in_monitor(path, deployment, tree)


def _find_ignored(tree: Mapping) -> Iterator[Difference]:
    for pattern, known in READ_BY_CHART.items():
        for path, node in match_maps(tree, pattern):
            for key, child in node.entries.items():
                if key not in known and not is_empty(child):
                    yield Difference((*path, key), "was ignored by the chart; now it takes effect")


def _find_zeros(tree: Mapping) -> Iterator[Difference]:
    for pattern, clause in _ZEROS.items():
        for path, node in match(tree, pattern):
            if isinstance(node, Scalar) and node.text == "0":
                yield Difference(path, f"is 0: {clause}")


def _find_overruled(tree: Mapping) -> Iterator[Difference]:
    """D08: an empty value of an entry could not win over the general one."""
    general = tree.entries.get("deploymentsGeneral")
    if not isinstance(general, Mapping):
        return
    for section in ("deployments", "jobs", "cronJobs"):
        for path, entry in match_maps(tree, f"{section}.*"):
            for key in entry.entries.keys() & _INHERITED & general.entries.keys():
                yield from _compare((*path, key), entry.entries[key], general.entries[key])


def _compare(path: Path, own: Node, general: Node) -> Iterator[Difference]:
    if is_empty(own) and not is_empty(general):
        yield Difference(path, "is empty: the chart took the general one instead; now what is written here wins")
    elif isinstance(own, Mapping) and isinstance(general, Mapping):
        for key in own.entries.keys() & general.entries.keys():
            yield from _compare((*path, key), own.entries[key], general.entries[key])


def _find_texts(tree: Mapping) -> Iterator[Difference]:
    """D18: the chart ended each text of several lines in one newline."""
    for path, config in match_maps(tree, "configs.*"):
        kind = config.entries.get("type")
        if not isinstance(kind, Scalar) or kind.text != "configMap":
            continue
        for place, node in match(config, "data.*"):
            if isinstance(node, Scalar) and "\n" in node.text and node.text != node.text.rstrip("\n") + "\n":
                clause = "keeps its last newlines as written; the chart wrote exactly one"
                yield Difference((*path, *place), clause)


def _find_switches(node: Node, kind: Kind, path: Path) -> Iterator[Difference]:
    """D21: the text "false" was true."""
    if isinstance(kind, MapOf) and isinstance(node, Mapping):
        for name, child in node.entries.items():
            yield from _find_switches(child, kind.value, (*path, name))
    elif isinstance(kind, FormatMap) and isinstance(node, Mapping):
        keys = list_keys(kind)
        for name, child in node.entries.items():
            if name in keys:
                yield from _find_switches(child, keys[name].kind, (*path, name))
    elif isinstance(node, Scalar) and str(path[-1]).startswith(_SWITCHES) and not node.plain and node.text == "false":
        yield Difference(path, "is a text, which the chart took for true (D21); now it is false")


def _find_classes(tree: Mapping) -> Iterator[Difference]:
    """D57: an empty class was left out."""
    for path, node in match(tree, "persistentVolumeClaims.*.storageClassName"):
        if isinstance(node, Scalar) and not node.text and not node.plain:
            yield Difference(path, "is empty: the chart took the cluster's default class; now it is no class")


def _find_probes(tree: Mapping) -> Iterator[Difference]:
    """D32: the probes of a container stood for all general ones."""
    effective = merge_general(tree, lambda _: frozenset())
    for path, own in match_maps(tree, "deployments.*.containers.*.probes"):
        whole = find(effective, path)
        added = [name for name in whole.entries if name not in own.entries] if isinstance(whole, Mapping) else []
        if own.entries and added:
            yield Difference(path, f"stood alone in the chart (D32); now it has {' and '.join(added)}, too")


def _find_in_migrations(path: Path, deployment: Mapping) -> Iterator[Difference]:
    migrations, containers = deployment.entries.get("migrations"), deployment.entries.get("containers")
    if not isinstance(migrations, Mapping) or not isinstance(containers, Mapping):
        return
    if not is_true(migrations.entries.get("enabled")):
        return
    if len(containers.entries) > 1:
        clause = "ran all containers in the chart; now only one, and others where 'sidecars' names them"
        yield Difference((*path, "migrations"), clause)
    for name, container in containers.entries.items():
        if isinstance(container, Mapping) and is_true(container.entries.get("args")):
            clause = (
                "were run by the chart as the migration (D01); now 'migrations.args' are, and these only start the app"
            )
            yield Difference((*path, "containers", name, "args"), clause)


def _find_in_placement(path: Path, deployment: Mapping) -> Iterator[Difference]:
    required = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    if is_true(deployment.entries.get("nodeSelector")) and any(match(deployment, required)):
        clause = "was an alternative to the required nodeAffinity in the chart (D09); now nodes must fit both"
        yield Difference((*path, "nodeSelector"), clause)


def _find_in_ports(path: Path, deployment: Mapping) -> Iterator[Difference]:
    """D10: the chart's default port is the first by the alphabet."""
    ports = [(str(container), str(port)) for (_, container, _, port), _ in match(deployment, "containers.*.ports.*")]
    served = [key for key in ("autoCreateIngress", "autoCreateHttpRoute") if is_true(deployment.entries.get(key))]
    if not ports or not served:
        return
    named = [port for port in ports if port[1] == "http"] or [port for port in ports if port[0] == "main"]
    before, now = min(ports), (named or ports)[0]
    if before != now:
        clause = f"leads to port {'.'.join(now)} where none is named; the chart's default was {'.'.join(before)}"
        yield from (Difference((*path, key), clause) for key in served)


def _find_in_account(path: Path, deployment: Mapping, tree: Mapping) -> Iterator[Difference]:
    """D27: the account that the chart made was not the one that the pods used."""
    named = any(match(deployment, "serviceAccountName")) or any(match(tree, "generic.serviceAccountName"))
    if named and is_true(deployment.entries.get("autoCreateServiceAccount")):
        clause = "made an account that the pods did not use; now the one that 'serviceAccountName' says is made"
        yield Difference((*path, "autoCreateServiceAccount"), clause)


def _find_in_monitor(path: Path, deployment: Mapping, tree: Mapping) -> Iterator[Difference]:
    """D19: the general labels of monitors won."""
    for place, own in match(deployment, "serviceMonitor.labels.*"):
        general = find(tree, (*_MONITORS, place[-1]))
        if isinstance(own, Scalar) and isinstance(general, Scalar) and own.text != general.text:
            yield Difference((*path, *place), "lost to the general one in the chart (D19); now it wins")
