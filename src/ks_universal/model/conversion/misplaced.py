"""Keys that are known, but one level above or below: where they belong. Read only when somebody misplaced one."""

from collections.abc import Callable, Set

from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Container
from ks_universal.model.format.migrations import Migrations, Step
from ks_universal.model.format.sections import GenericPlacement
from ks_universal.model.format.types import Format
from ks_universal.model.format.workloads import WORKLOAD_SECTIONS, CronJob, General, PodSettings
from ks_universal.values.nodes import Mapping, Node

_CHART = "ks-universal"

ListKeys = Callable[[type[Format]], Set[str]]
"""Gives the keys that a struct takes."""


def find_place(struct: type[Format], key: str, node: Node, keys_of: ListKeys) -> str | None:
    """Say where a key belongs that a struct does not take; None where nobody knows."""
    if struct is Application:
        return _find_section(key, node, keys_of)
    if struct is General and key in {"containers"} | keys_of(Container):
        return "containers inherit 'probes' and 'lifecycle' only; the rest each workload says itself"
    if struct is GenericPlacement and key in keys_of(General):
        return "it belongs to 'deploymentsGeneral' at the top level; this one is for authenticators alone"
    if issubclass(struct, PodSettings) and key in keys_of(Container):
        return f"it belongs to a container: containers.NAME.{key}"
    if struct is Container and any(key in keys_of(each) for each in (*WORKLOAD_SECTIONS.values(), CronJob)):
        return "it belongs beside 'containers', not into one of them"
    if struct is Step and key in keys_of(Migrations):
        return "it belongs beside 'steps': all of them run together or not"
    return None


def _find_section(key: str, node: Node, keys_of: ListKeys) -> str | None:
    if key == _CHART:
        return "that is how a parent chart names it: 'ks-universal convert' brings what is below it to the top level"
    for section, struct in WORKLOAD_SECTIONS.items():
        if key in keys_of(struct):
            return f"it belongs to a {struct.noun}: {section}.NAME.{key}"
    if isinstance(node, Mapping) and "containers" in node.entries:
        return "with 'containers' it belongs below 'deployments', 'statefulSets', 'daemonSets', 'jobs' or 'cronJobs'"
    return None
