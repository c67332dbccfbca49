"""Jobs that run migrations as steps of the deployment that they belong to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from ks_universal.imports.hooks import choose_container
from ks_universal.imports.pods import read_pods
from ks_universal.json_types import Json
from ks_universal.model.format.images import split_image
from ks_universal.model.format.migrations import Inherit
from ks_universal.resources.references import read_references

_SERVERS = ("web", "server", "api", "app", "main", "backend", "frontend", "django", "puma", "scheduler", "core")
"""How the deployment is called that others are beside, most often."""


_INHERITED = ("affinity", "nodeSelector", "securityContext", "serviceAccountName", "tolerations", "volumes")
"""What `inherit: none` leaves out of the fields of pods."""


_NO_PARTS = ("all", "none", "initContainers")
_FIELDS = {"env": ("env", "envFrom"), "securityContext": ("securityContext",)}
"""The fields of a container that are a part of what is inherited."""


class Owner(msgspec.Struct, frozen=True):
    """The deployment that a migration belongs to, and why."""

    name: str
    container: str
    reason: str
    is_of_image: bool


class Step(msgspec.Struct, frozen=True):
    """A step of `migrations`, and what of its Job has no place in it."""

    entry: Json
    lost: tuple[str, ...] = ()


def find_owner(job: Json, deployments: Mapping[str, Json]) -> Owner | None:
    """Find the deployment that a Job belongs to: by image, then by the configuration that both read, then by name."""
    container = choose_container(job)
    repository = split_image(container.get("image", ""))[0]
    pod = job["spec"]["template"]["spec"]
    read = {reference for reference in read_references(pod) if reference[0] in ("ConfigMap", "Secret")}
    ranked = []
    for name, deployment in deployments.items():
        theirs = deployment["spec"]["template"]["spec"]
        same = [c for c in theirs["containers"] if split_image(c.get("image", ""))[0] == repository]
        shared = len(read & set(read_references(theirs)))
        common = _count_common(job["metadata"]["name"], name)
        alike = max((_count_alike(container, c) for c in same or theirs["containers"]), default=0)
        rank = (bool(same), shared, alike, any(word in name.split("-") for word in _SERVERS), common)
        ranked.append((rank, name, same or theirs["containers"]))
    if not ranked:
        return None
    # `max` gives the first of equal ones.
    rank, name, containers = max(ranked, key=lambda entry: entry[0])
    if not rank[0] and not rank[1] and rank[4] < 2:
        return None
    chosen = max(containers, key=lambda c: _count_alike(container, c))
    reason = "it runs the same image" if rank[0] else "it reads the same configuration" if rank[1] else "by its name"
    return Owner(name, chosen["name"], reason, is_of_image=bool(rank[0]))


def read_step(job: Json, deployment: Json, owner: Owner) -> Step:
    """Read a cleaned Job as a step of a cleaned deployment's migrations: what it says otherwise than the container."""
    template = read_pods(job["spec"]["template"])
    theirs = read_pods(deployment["spec"]["template"])
    own = template.entry["containers"][choose_container(job)["name"]]
    base = theirs.entry["containers"][owner.container]
    entry: Json = {} if _is_default(owner.container, theirs.entry["containers"]) else {"container": owner.container}
    if not owner.is_of_image:
        # Another program: what the application has is nothing to it.
        entry["inherit"] = "none"
        base = {key: base[key] for key in ("image", "imageTag", "command") if key in base}
        theirs = msgspec.structs.replace(theirs, entry={**_without(theirs.entry, _INHERITED), "containers": {}})
    elif left := _find_unwanted(own, base):
        entry["inherit"] = [part.value for part in Inherit if part.value not in (*left, *_NO_PARTS)]
        base = _without(base, [field for part in left for field in _FIELDS[part]])
        theirs = msgspec.structs.replace(theirs, entry=_without(theirs.entry, left))
    entry |= _read_process(own, base)
    lost = [
        f"container {name}" for name in template.entry["containers"] if template.entry["containers"][name] is not own
    ]
    security = _differing(own.get("securityContext", {}), base.get("securityContext", {}))
    of_pod = _differing(template.entry.get("securityContext", {}), theirs.entry.get("securityContext", {}))
    security |= {key: value for key, value in of_pod.items() if key not in security}
    if security:
        entry["securityContext"] = security
    account = template.entry.get("serviceAccountName", "default")
    if account != theirs.entry.get("serviceAccountName", "default"):
        entry["serviceAccount"] = account
    if "initContainers" in template.entry:
        entry["initContainers"] = template.entry["initContainers"]
    volumes = _list_volumes(own, base, template.entry.get("volumes", []), theirs.entry.get("volumes", []))
    if volumes:
        entry["volumes"] = volumes
    entry |= _read_limits(job["spec"])
    return Step(entry, tuple(lost))


def _find_unwanted(own: Json, base: Json) -> list[str]:
    """Find what a Job's container lacks of the deployment's, where that cannot be taken away by name."""
    left = []
    if "securityContext" in base and "securityContext" not in own:
        left.append("securityContext")
    if any(source not in own.get("envFrom", ()) for source in base.get("envFrom", ())):
        left.append("env")
    return left


def _without(fields: Json, keys: Collection[str]) -> Json:
    return {key: value for key, value in fields.items() if key not in keys}


def _list_volumes(own: Json, base: Json, volumes: Sequence[Json], theirs: Sequence[Json]) -> list[Json]:
    """List the volumes of a Job that its deployment does not have, and by name those of which it mounts none."""
    mounted = {mount["name"] for mount in own.get("volumeMounts", ())}
    left = {mount["name"] for mount in base.get("volumeMounts", ())} - mounted
    return [*_list_new(volumes, theirs), *({"name": volume["name"]} for volume in theirs if volume["name"] in left)]


def _is_default(container: str, containers: Mapping[str, Any]) -> bool:
    return container == "main" or len(containers) == 1


def _read_process(own: Json, base: Json) -> Json:
    entry: Json = {}
    if (own["image"], own.get("imageTag")) != (base["image"], base.get("imageTag")):
        entry |= {key: own[key] for key in ("image", "imageTag") if key in own}
    if own.get("command") != base.get("command"):
        entry["command"] = own.get("command", [])
    if "args" in own:
        entry["args"] = own["args"]
    for key in ("env", "envFrom", "volumeMounts"):
        added = _list_new(own.get(key, []), base.get(key, []))
        if key == "env":
            names = {variable["name"] for variable in own.get(key, ())}
            left = (variable["name"] for variable in base.get(key, ()) if variable["name"] not in names)
            added += ({"name": name, "value": None} for name in left)
        if added:
            entry[key] = added
    if own.get("resources") != base.get("resources"):
        entry["resources"] = own.get("resources", {})
    return entry


def _read_limits(spec: Json) -> Json:
    limits = {"backoffLimit": spec.get("backoffLimit", 6)}
    return limits | {key: spec[key] for key in ("activeDeadlineSeconds", "parallelism", "completions") if key in spec}


def _differing(own: Json, base: Json) -> Json:
    return {key: value for key, value in own.items() if base.get(key) != value}


def _list_new(own: Sequence[Json], base: Sequence[Json]) -> list[Json]:
    return [item for item in own if item not in base]


def _count_common(job: str, name: str) -> int:
    """Count the words that both names begin with."""
    pairs = zip(job.split("-"), name.split("-"), strict=False)
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _count_alike(one: Json, other: Json) -> int:
    """Count the variables and sources of variables that two containers share."""
    return sum(item in other.get(key, ()) for key in ("env", "envFrom") for item in one.get(key, ()))
