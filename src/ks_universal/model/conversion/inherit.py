"""Merges `deploymentsGeneral` into each workload, job and cron job, as trees: presence counts, null removes.

Maps merge deep, but an empty one wins, and lists replace; `strategy` is taken whole (D08, D32, D53). `probes` and
`lifecycle` go to the containers of workloads only: what runs to its end serves nobody (D03).
"""

from collections.abc import Callable, Set
from functools import partial

from ks_universal.model.format.types import Format
from ks_universal.model.format.workloads import NOT_FOR_JOB_PODS, WORKLOAD_SECTIONS, Deployment, JobSettings
from ks_universal.values.nodes import Mapping, Node, Scalar
from ks_universal.values.scalars import is_null

_FOR_CONTAINERS = ("probes", "lifecycle")
_ONLY_FOR_JOBS = frozenset({"completions", "parallelism"})
_WHOLE = frozenset({"strategy"})
_HANDLERS = frozenset({"exec", "grpc", "httpGet", "sleep", "tcpSocket"})
"""Of a probe or a lifecycle hook: Kubernetes takes exactly one, so an own one displaces an inherited one."""


def merge_general(tree: Mapping, list_keys: Callable[[type[Format]], Set[str]]) -> Mapping:
    """Give the effective tree: entries with what they inherit. Unchanged parts are shared, nothing is changed.

    `list_keys` gives those that a struct takes, and is only asked where something of that kind is written: what an
    entry does not take of the general settings it does not inherit. Deployments take all but what is for jobs only.
    """
    general = tree.entries.get("deploymentsGeneral")
    if not isinstance(general, Mapping):
        return tree
    for_pod = _select(general, lambda key: key not in _FOR_CONTAINERS and key not in _ONLY_FOR_JOBS)
    for_containers = _select(general, lambda key: key in _FOR_CONTAINERS)
    entries = dict(tree.entries)
    for section, struct in WORKLOAD_SECTIONS.items():
        if section in entries:
            taken = for_pod if struct is Deployment else _select(for_pod, list_keys(struct).__contains__)
            _merge_section(entries, section, partial(_merge_workload, for_pod=taken, for_containers=for_containers))
    if "jobs" in entries or "cronJobs" in entries:
        wanted = list_keys(JobSettings) - NOT_FOR_JOB_PODS
        for_jobs = _select(general, wanted.__contains__)
        for section in ("jobs", "cronJobs"):
            _merge_section(entries, section, lambda entry: inherit(for_jobs, entry))
    return Mapping(entries, tree.at, tree.key_at)


def _merge_section(entries: dict[str, Node], section: str, merge: Callable[[Mapping], Mapping]) -> None:
    node = entries.get(section)
    if isinstance(node, Mapping):
        merged = {name: merge(e) if isinstance(e, Mapping) else e for name, e in node.entries.items()}
        entries[section] = Mapping(merged, node.at, node.key_at)


def inherit(general: Mapping, own: Mapping) -> Mapping:
    """Lay what an entry says on the general settings: its keys first, and its place."""
    entries: dict[str, Node] = {}
    for key, node in own.entries.items():
        below = general.entries.get(key)
        if below is None:
            entries[key] = node
        elif isinstance(node, Mapping) and node.entries and isinstance(below, Mapping) and key not in _WHOLE:
            entries[key] = inherit(_without_displaced(below, node), node)
        elif not is_null(node):
            entries[key] = node
    for key, node in general.entries.items():
        if key not in own.entries:
            entries[key] = node
    return Mapping(entries, own.at, own.key_at)


def _select(general: Mapping, wanted: Callable[[str], bool]) -> Mapping:
    entries = {key: node for key, node in general.entries.items() if wanted(key)}
    return Mapping(entries, general.at, general.key_at)


def _merge_workload(entry: Mapping, for_pod: Mapping, for_containers: Mapping) -> Mapping:
    merged = inherit(for_pod, entry)
    containers = entry.entries.get("containers")
    if for_containers.entries and isinstance(containers, Mapping):
        merged.entries["containers"] = _merge_containers(containers, for_containers)
    return merged


def _merge_containers(containers: Mapping, general: Mapping) -> Mapping:
    """Give each container what it can use, and none a probe of a port that it does not have (D03)."""
    only = len(containers.entries) == 1
    entries: dict[str, Node] = {}
    for name, container in containers.entries.items():
        if isinstance(container, Mapping):
            entries[name] = inherit(_fit(general, container, main=only or name == "main"), container)
        else:
            entries[name] = container
    return Mapping(entries, containers.at, containers.key_at)


def _fit(general: Mapping, container: Mapping, *, main: bool) -> Mapping:
    """Leave out the probes that the container writes outside `probes`, or that ask for a port of another container."""
    probes = general.entries.get("probes")
    if not isinstance(probes, Mapping):
        return general
    own = container.entries.get("probes")
    written = own.entries if isinstance(own, Mapping) else {}
    fitting = {
        key: probe
        for key, probe in probes.entries.items()
        if key not in container.entries and (key in written or _has_port(container, probe, main=main))
    }
    return Mapping(
        {**general.entries, "probes": Mapping(fitting, probes.at, probes.key_at)}, general.at, general.key_at
    )


def _has_port(container: Mapping, probe: Node, *, main: bool) -> bool:
    """Tell whether a container has the probed port; the main one may listen on a number without saying so."""
    port = _probed_port(probe)
    if port is None or (main and port.isdigit()):
        return True
    ports = container.entries.get("ports")
    if not isinstance(ports, Mapping):
        return False
    numbers = (p.entries.get("containerPort") for p in ports.entries.values() if isinstance(p, Mapping))
    return port in ports.entries or any(isinstance(n, Scalar) and n.text == port for n in numbers)


def _probed_port(probe: Node) -> str | None:
    handlers = probe.entries.items() if isinstance(probe, Mapping) else ()
    for key, handler in handlers:
        port = handler.entries.get("port") if key in _HANDLERS and isinstance(handler, Mapping) else None
        if isinstance(port, Scalar):
            return port.text
    return None


def _without_displaced(general: Mapping, own: Mapping) -> Mapping:
    handlers = _HANDLERS & own.entries.keys()
    if not handlers:
        return general
    return _select(general, lambda key: key not in _HANDLERS or key in handlers)
