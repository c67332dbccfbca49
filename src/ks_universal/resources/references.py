"""Which ConfigMaps, Secrets, accounts and claims a pod uses, and the same pod with other names for them.

It serves all who ask: the digest on pod templates, the staged copies of a migration, the Helm hooks.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ks_universal.json_types import Json
from ks_universal.model.kubernetes.pod_sources import ENV_FROM_SOURCES, ENV_SOURCES, PROJECTED_SOURCES, VOLUME_SOURCES

Reference = tuple[str, str]
"""Kind and name: `("Secret", "db-secrets")`."""

_CONFIGURATION = frozenset(("ConfigMap", "Secret"))

_Place = tuple[Json, str, str]
"""The map that holds a name, the key it is under, and the kind that it names."""


def read_references(pod: Json) -> tuple[Reference, ...]:
    """List what a PodSpec names, each once, in the order of first use: configuration, claims, the account."""
    return tuple(dict.fromkeys((kind, holder[key]) for holder, key, kind in _places(pod)))


def read_needs(pod: Json) -> dict[Reference, tuple[str, ...]]:
    """Give what a PodSpec cannot start without, each with the keys that it names of it.

    Not what is optional, nor pull secrets: nodes do without those.
    """
    needs: dict[Reference, dict[str, None]] = {}
    for holder, name, kind in _places({key: value for key, value in pod.items() if key != "imagePullSecrets"}):
        if not holder.get("optional"):
            needs.setdefault((kind, holder[name]), {}).update(dict.fromkeys(_list_named_keys(holder)))
    return {reference: tuple(keys) for reference, keys in needs.items()}


def read_content(pod: Json) -> dict[Reference, frozenset[str] | None]:
    """Give the configuration that the containers of a PodSpec read, each with the keys that they read (None: all)."""
    content: dict[Reference, frozenset[str] | None] = {}
    mounted = {mount["name"] for mount in _mounts(pod)}
    files = (place for volume in pod.get("volumes", ()) if volume["name"] in mounted for place in _of(volume))
    for holder, name, kind in (*_environment_places(pod), *files):
        if kind in _CONFIGURATION:
            keys, known = _list_named_keys(holder), content.get((kind, holder[name]), frozenset())
            content[kind, holder[name]] = known | frozenset(keys) if keys and known is not None else None
    return content


def read_restart_references(pod: Json) -> tuple[Reference, ...]:
    """List the configuration that running containers don't see change: read as environment or mounted by `subPath`."""
    volumes = _sub_path_volumes(pod)
    places = [*_environment_places(pod), *(p for v in pod.get("volumes", ()) if v["name"] in volumes for p in _of(v))]
    return tuple(dict.fromkeys((kind, holder[key]) for holder, key, kind in places if kind in _CONFIGURATION))


def rename_references(pod: Json, names: Mapping[Reference, str]) -> Json:
    """Copy a PodSpec with new names for what `names` lists; the given one is not changed."""
    copy: Json = _copy(pod)
    for holder, key, kind in _places(copy):
        holder[key] = names.get((kind, holder[key]), holder[key])
    return copy


def _places(pod: Json) -> Iterator[_Place]:
    yield from _environment_places(pod)
    for volume in pod.get("volumes", ()):
        yield from _of(volume)
    for secret in pod.get("imagePullSecrets", ()):
        yield secret, "name", "Secret"
    if pod.get("serviceAccountName"):
        yield pod, "serviceAccountName", "ServiceAccount"


def _environment_places(pod: Json) -> Iterator[_Place]:
    for container in _containers(pod):
        for variable in container.get("env", ()):
            source = variable.get("valueFrom")
            if source:
                yield from _named(source, ENV_SOURCES)
        for group in container.get("envFrom", ()):
            yield from _named(group, ENV_FROM_SOURCES)


def _of(volume: Json) -> Iterator[_Place]:
    for source, key, kind in VOLUME_SOURCES:
        if source in volume and key in volume[source]:
            yield volume[source], key, kind
    for projection in volume.get("projected", {}).get("sources", ()):
        yield from _named(projection, PROJECTED_SOURCES)


def _named(holder: Json, sources: tuple[tuple[str, str], ...]) -> Iterator[_Place]:
    for source, kind in sources:
        if source in holder and "name" in holder[source]:
            yield holder[source], "name", kind


def _list_named_keys(holder: Json) -> list[str]:
    """List the keys that are named beside an object's name; none where all of it is read."""
    return [holder["key"]] if "key" in holder else [item["key"] for item in holder.get("items") or ()]


def _containers(pod: Json) -> Iterator[Json]:
    yield from pod.get("initContainers", ())
    yield from pod.get("containers", ())


def _sub_path_volumes(pod: Json) -> set[str]:
    return {mount["name"] for mount in _mounts(pod) if mount.get("subPath") or mount.get("subPathExpr")}


def _mounts(pod: Json) -> Iterator[Json]:
    return (mount for container in _containers(pod) for mount in container.get("volumeMounts", ()))


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    return value
