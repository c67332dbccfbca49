"""What pods need and nobody has made: found before they start, and a warning only, for it may be made until then."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.plan.release import pod_of
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut
from ks_universal.resources.objects import Identity, identity
from ks_universal.resources.references import read_needs
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import Refusal
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET, SERVICE_ACCOUNT
from ks_universal.targets.kubernetes.observed.pod_setup import describe_missing

_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET, SERVICE_ACCOUNT)}
_IN_EACH_NAMESPACE = frozenset((("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")))
"""Kubernetes makes them, a moment after the namespace."""


async def find_missing(
    client: Client, plan: Plan, workloads: Iterable[Json], there: Mapping[Identity, Json], leaving: Iterable[Identity]
) -> tuple[Problem, ...]:
    """Find the ConfigMaps, Secrets, keys of these, and ServiceAccounts that pods of the workloads miss; a warning each.

    Those that are `leaving` are missed at the next start. Not what the plan makes, nor what the role may not read:
    of that nobody knows. `there` has been read already.
    """
    made = set(_list_made(client, plan))
    gone = {_place(client, subject) for subject in leaving}
    users: dict[Identity, dict[str, list[str]]] = {}
    for workload in workloads:
        place = client.of(workload).namespace
        for (kind, name), keys in read_needs(pod_of(workload)).items():
            subject = Identity(kind, place, name)
            if kind in _KINDS and subject not in made and (kind, name) not in _IN_EACH_NAMESPACE:
                for key in ("", *keys):
                    users.setdefault(subject, {}).setdefault(key, []).append(str(identity(workload)))
    left = [_warn_of_leaving(subject, by_key[""]) for subject, by_key in users.items() if subject in gone]
    wanted = ((subject, by_key) for subject, by_key in users.items() if subject not in gone)
    found = await asyncio.gather(*(_look_for(client, subject, by_key, there) for subject, by_key in wanted))
    return (*left, *(problem for problems in found for problem in problems))


def _place(client: Client, subject: Identity) -> Identity:
    return msgspec.structs.replace(subject, namespace=subject.namespace or client.namespace)


def _list_made(client: Client, plan: Plan) -> Iterator[Identity]:
    """List what the plan makes, with the Secrets that cert-manager makes for its Certificates and Ingresses."""
    for step in plan.steps:
        bodies = (step.body,) if isinstance(step, Apply | RollOut) else step.staged if isinstance(step, Migrate) else ()
        for body in bodies:
            place = client.of(body).namespace
            yield Identity(body["kind"], place, body["metadata"]["name"])
            spec = body["spec"] if body["kind"] in ("Certificate", "Ingress") else {}
            names = (each.get("secretName") for each in (spec, *spec.get("tls", ())))
            yield from (Identity("Secret", place, name) for name in names if name)


async def _look_for(
    client: Client, subject: Identity, users: Mapping[str, Sequence[str]], there: Mapping[Identity, Json]
) -> list[Problem]:
    """Look for an object and its keys. `users`: key ("": the object itself) to the workloads whose pods need it."""
    try:
        body = there.get(subject) or await client.within(subject.namespace).get(_KINDS[subject.kind], subject.name)
    except Refusal as refusal:
        if refusal.code != 403:
            raise
        return []
    if body is None:
        return [_warn(subject, "does not exist", users[""])]
    keys = {"", *(body.get("data") or ()), *(body.get("binaryData") or ())}
    return [_warn(subject, f"has no key {key}", names) for key, names in users.items() if key not in keys]


def _warn_of_leaving(subject: Identity, users: Sequence[str]) -> Problem:
    warning = _warn(subject, "left the values and is to be deleted", users)
    return msgspec.structs.replace(warning, hint="keep it in the values, or correct the reference")


def _warn(subject: Identity, what: str, users: Sequence[str]) -> Problem:
    message = f"{subject.kind} {subject.namespace}/{subject.name} {what}; the pods of {', '.join(users)} need it"
    return msgspec.structs.replace(describe_missing(message, subject.kind), severity=Severity.WARNING)
