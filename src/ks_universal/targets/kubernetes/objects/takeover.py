"""Takes a release over from another program: the pods that run stay, and the fields get one owner. Pure but for `own`.

A chart's pods carry labels of Helm's where ours carry this program's, and lack the digest of their configuration; their
ports may have no names, and what ours say as affinity they may say as a node selector. To apply ours would restart
every pod for the sake of words; so those of before stay until something else of the pods changes.
"""

from collections.abc import Iterable
from typing import Any

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.metadata_keys import ADOPTED, COMPONENT, CONFIG_DIGEST, INSTANCE, MANAGED_BY, NAME, VERSION
from ks_universal.resources.affinity import without_nodes
from ks_universal.resources.defaults import strip_defaults
from ks_universal.resources.objects import APP_SECTIONS, annotate
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.objects.field_owners import Managers, Path, correct_owners, gather
from ks_universal.targets.kubernetes.objects.ownership import Owner, belongs_to, contains, digest

_PODS: Path = ("spec", "template")
_HELM_RELEASE = "meta.helm.sh/release-name"
"""The annotation that Helm writes on the objects of a release."""

_NAMES = {
    "labels": frozenset((COMPONENT, INSTANCE, MANAGED_BY, NAME, VERSION)),
    "annotations": frozenset((CONFIG_DIGEST,)),
}
"""What pods carry for the sake of the program that made them."""


def adopt(live: Json | None, body: Json, owner: Owner) -> Json:
    """Return a workload as it is to be applied: with the pods that are there where those are what is wanted."""
    if live is None or body["kind"] not in APP_SECTIONS:
        return body
    there = live["spec"]["template"]
    annotations = live["metadata"].get("annotations") or {}
    pods = digest(body["spec"]["template"])
    wanted = _in_words_of(there, body["spec"]["template"])
    if wanted is None:
        return body
    if annotations.get(ADOPTED) != pods and (belongs_to(live, owner) or not _is_same(there, wanted)):
        return body
    metadata = there.get("metadata") or {}
    names = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
    spec = {**body["spec"], "template": {**wanted, "metadata": names}}
    return annotate({**body, "spec": spec}, {ADOPTED: pods})


def warn_of_helm(live: Iterable[Json], owner: Owner) -> tuple[Problem, ...]:
    """Warn of Helm's releases that list what is to be taken over.

    Helm 4 leaves out of an uninstall what carries another program's label; Helm 3 deletes all that it lists.
    """
    theirs = (body["metadata"].get("annotations") or {} for body in live if not belongs_to(body, owner))
    names = dict.fromkeys(annotations[_HELM_RELEASE] for annotations in theirs if _HELM_RELEASE in annotations)
    return tuple(
        Problem(
            "kubernetes/helm-release",
            f"Helm still lists what is taken over in its release {name}: Helm 3 would delete it with 'helm uninstall'",
            hint=f"when this has succeeded, have Helm forget it: kubectl delete secret -l owner=helm,name={name}",
            severity=Severity.WARNING,
        )
        for name in names
    )


async def inherit_pods(client: Client, kind: Kind, live: Json) -> Json:
    """Make this program the owner of all that a workload says of its pods, before its own is applied.

    What is then not applied goes: an init container of before would else stay in the pods for ever. Other fields keep
    their owners: the replicas that an autoscaler has set would go, too.
    """
    if live["kind"] not in APP_SECTIONS:
        return live
    return await correct_owners(client, kind, live, lambda body: gather(_list_managers(body), _PODS, body))


def drop_leftovers(tried: Json, live: Json, body: Json) -> Json:
    """Give what came of a trial without what `inherit_pods` will have removed from the pods."""
    if body["kind"] not in APP_SECTIONS:
        return tried
    there = live["spec"]["template"]
    was = {"metadata": there.get("metadata") or {}, "spec": strip_defaults(there["spec"], "PodSpec")}
    template = _prune(tried["spec"]["template"], was, body["spec"]["template"])
    return {**tried, "spec": {**tried["spec"], "template": template}}


def _prune(tried: Any, was: Any, wanted: Any) -> Any:
    """Leave out what was there and is not wanted; what the API server fills in stays."""
    if isinstance(tried, dict) and isinstance(was, dict) and isinstance(wanted, dict):
        kept = {key: value for key, value in tried.items() if key in wanted or key not in was}
        return {key: _prune(value, was.get(key), wanted.get(key)) for key, value in kept.items()}
    if isinstance(tried, list) and isinstance(was, list) and isinstance(wanted, list):
        old, new = ({_name(item): item for item in items} for items in (was, wanted))
        kept_items = [item for item in tried if _name(item) in new or _name(item) not in old]
        return [_prune(item, old.get(_name(item)), new.get(_name(item))) for item in kept_items]
    return tried


def _name(item: Any) -> str:
    """Give what tells the entries of a list apart."""
    keys = ("mountPath", "containerPort", "name")
    return next((str(item[key]) for key in keys if key in item), repr(item)) if isinstance(item, dict) else repr(item)


async def own(client: Client, kind: Kind, applied: Json) -> Json:
    """Make this program the only one that manages what it has taken over, so that its next change is no conflict.

    What controllers write (status, scale) stays theirs.
    """
    return await correct_owners(client, kind, applied, _list_ours)


def _list_ours(live: Json) -> Managers:
    return [entry for entry in _list_managers(live) if entry["manager"] == FIELD_MANAGER or "subresource" in entry]


def _list_managers(live: Json) -> Managers:
    managers: Managers = live["metadata"].get("managedFields") or []
    return managers


def _is_same(there: Json, wanted: Json) -> bool:
    """Tell whether the pods that are there are those that are wanted: with all of it, and with nothing more."""
    pod = strip_defaults(there["spec"], "PodSpec")
    return contains(there, _without_names(wanted)) and contains(strip_defaults(wanted["spec"], "PodSpec"), pod)


def _in_words_of(there: Json, wanted: Json) -> Json | None:
    """Say a pod template in the words of another one, where these mean the same; None: it chooses other nodes."""
    spec = dict(wanted["spec"])
    selector = there["spec"].get("nodeSelector")
    if selector and "nodeSelector" not in spec:
        affinity = without_nodes(spec.pop("affinity", {}), selector)
        if affinity is None:
            return None
        spec |= {"nodeSelector": selector, **({"affinity": affinity} if affinity else {})}
    for key in ("initContainers", "containers"):
        if key in spec:
            others = {container["name"]: container for container in there["spec"].get(key) or ()}
            spec[key] = [_without_port_names(each, others.get(each["name"], {})) for each in spec[key]]
    return {**wanted, "spec": spec}


def _without_port_names(container: Json, there: Json) -> Json:
    """Leave out the names of those ports that have none there."""
    if "ports" not in container:
        return container
    unnamed = [port["containerPort"] for port in there.get("ports") or () if "name" not in port]
    ports = [
        {key: value for key, value in port.items() if key != "name" or port["containerPort"] not in unnamed}
        for port in container["ports"]
    ]
    return {**container, "ports": ports}


def _without_names(template: Json) -> Json:
    """Copy a pod template without what pods carry for the sake of who made them."""
    metadata = dict(template.get("metadata") or {})
    for field, keys in _NAMES.items():
        metadata[field] = {key: text for key, text in (metadata.get(field) or {}).items() if key not in keys}
    return {**template, "metadata": {field: value for field, value in metadata.items() if value != {}}}
