"""What pods need and nobody has made: found before they start, and a warning only, for it may be made until then."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.model.kubernetes.makers import list_made
from ks_universal.plan.release import pod_of
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.resources.references import read_needs
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET, SERVICE_ACCOUNT
from ks_universal.targets.kubernetes.observed.pod_setup import describe_missing

_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET, SERVICE_ACCOUNT)}
_IN_EACH_NAMESPACE = frozenset((("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")))
"""Kubernetes makes them, a moment after the namespace."""


async def find_missing(
    client: Client, plan: Plan, workloads: Iterable[Json], there: Mapping[ObjectRef, Json], leaving: Iterable[ObjectRef]
) -> tuple[Problem, ...]:
    """Find the ConfigMaps, Secrets, keys of these, and ServiceAccounts that pods of the workloads miss; a warning each.

    Those that are `leaving` are missed at the next start. Not what the plan makes, nor what the role may not read:
    of that nobody knows. `there` has been read already.
    """
    made = set(_list_made(client, plan))
    gone = {_place(client, ref) for ref in leaving}
    users: dict[ObjectRef, dict[str, list[str]]] = {}
    for workload in workloads:
        place = client.of(workload).namespace
        for (kind, name), keys in read_needs(pod_of(workload)).items():
            ref = ObjectRef(kind, place, name)
            if kind in _KINDS and ref not in made and (kind, name) not in _IN_EACH_NAMESPACE:
                for key in ("", *keys):
                    users.setdefault(ref, {}).setdefault(key, []).append(str(object_ref(workload)))
    left = [_warn_of_leaving(ref, by_key[""]) for ref, by_key in users.items() if ref in gone]
    wanted = ((ref, by_key) for ref, by_key in users.items() if ref not in gone)
    found = await asyncio.gather(*(_look_for(client, ref, by_key, there) for ref, by_key in wanted))
    return (*left, *(problem for problems in found for problem in problems))


def _place(client: Client, ref: ObjectRef) -> ObjectRef:
    return msgspec.structs.replace(ref, namespace=ref.namespace or client.namespace)


def _list_made(client: Client, plan: Plan) -> Iterator[ObjectRef]:
    """List what the plan makes, with what controllers make of it, as cert-manager does of Ingresses."""
    for step in plan.steps:
        bodies = (step.body,) if isinstance(step, Apply | RollOut) else step.staged if isinstance(step, Migrate) else ()
        for body in bodies:
            place = client.of(body).namespace
            yield ObjectRef(body["kind"], place, body["metadata"]["name"])
            yield from (ObjectRef(kind, place, name) for kind, name in list_made(body))
            entries = body["spec"].get("tls", ()) if body["kind"] == "Ingress" else ()
            yield from (ObjectRef("Secret", place, entry["secretName"]) for entry in entries if "secretName" in entry)


async def _look_for(
    client: Client, ref: ObjectRef, users: Mapping[str, Sequence[str]], there: Mapping[ObjectRef, Json]
) -> list[Problem]:
    """Look for an object and its keys. `users`: key ("": the object itself) to the workloads whose pods need it."""
    try:
        body = there.get(ref) or await client.within(ref.namespace).get(_KINDS[ref.kind], ref.name)
    except ApiError as error:
        if error.code != 403:
            raise
        return []
    if body is None:
        return [_warn(ref, "does not exist", users[""])]
    keys = {"", *(body.get("data") or ()), *(body.get("binaryData") or ())}
    return [_warn(ref, f"has no key {key}", names) for key, names in users.items() if key not in keys]


def _warn_of_leaving(ref: ObjectRef, users: Sequence[str]) -> Problem:
    warning = _warn(ref, "left the values and is to be deleted", users)
    return msgspec.structs.replace(warning, hint="keep it in the values, or correct the reference")


def _warn(ref: ObjectRef, what: str, users: Sequence[str]) -> Problem:
    message = f"{ref.kind} {ref.namespace}/{ref.name} {what}; the pods of {', '.join(users)} need it"
    return msgspec.structs.replace(describe_missing(message, ref.kind), severity=Severity.WARNING)
