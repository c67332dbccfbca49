"""What an application is made of, as one text: tells whether its migrations have to run, and because of what.

What migrations run with is all that their pods get: what their Jobs say, and what they read and use of the release. The
application's own settings don't count: replicas, routes, probes, and its labels, annotations and resources, though the
migrations' pods inherit these. So scaling runs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ks_universal.digests import digest_json
from ks_universal.json_types import Json
from ks_universal.model.format.migrations import Retry, When
from ks_universal.plan.release import App, Release, entries_of, pod_of
from ks_universal.resources.extra_objects import describe
from ks_universal.resources.objects import Migration, ObjectRef


def digest(value: Any) -> str:
    """Digest what a plan is made of, for the record."""
    return digest_json(value, 16)


_SHORT = 4
"""Hexadecimal digits: enough to name what changed, and too few to find out a password by."""
_MOST_KEYS = 100
"""More of one object are not told apart: many applications may read one large ConfigMap, and each has its record."""
_MOST_NAMED = 3

_OF_THE_APPLICATION = frozenset(("livenessProbe", "readinessProbe", "resizePolicy", "resources", "startupProbe"))
_TOLD_APART = frozenset(("containers", "initContainers", "resources", "restartPolicy", "volumes"))
_POD_NAMES = {"securityContext": "securityContext of the pod", "serviceAccountName": "serviceAccount"}

_Facts = dict[str, dict[str, Any]]
"""What a migration runs with, as a user calls it: `{"": {"image": …}, "ConfigMap/settings": {"GREETING": …}}`."""
_Parts = Mapping[str, Mapping[str, str]]
"""The same with short digests for the values, of all steps."""


class _Fingerprint(msgspec.Struct, frozen=True, omit_defaults=True):
    """Digests: of everything; of the migrations' images; of all that they run with; and of the parts of that."""

    values: str
    images: str
    migrations: str
    when: When = When.CHANGED
    parts: dict[str, dict[str, str]] = {}


def fingerprint(app: App, release: Release) -> str:
    """Give the fingerprint of an application: equal ones are of the same values, whatever these are."""
    finders = (release.find_configuration, release.find_pod_dependencies, release.find_rights, release.find_makers)
    used = [ref for workload in app.workloads for find in finders for ref in find(workload)]
    refs = dict.fromkeys((*release.list_made_for(app.name), *used))
    pods = [pod_of(migration.body) for migration in app.migrations]
    containers = [[*pod.get("initContainers", ()), *pod["containers"]] for pod in pods]
    order = [(m.step, [c["name"] for c in each]) for m, each in zip(app.migrations, containers, strict=True)]
    facts = [_list_facts(migration, release) for migration in app.migrations]
    found = _Fingerprint(
        values=digest([[release.objects[ref] for ref in refs], app.migrations]),
        images=digest(sorted({container["image"] for each in containers for container in each})),
        migrations=digest([order, facts]),
        when=app.when,
        parts=_shorten(facts),
    )
    return msgspec.json.encode(found).decode()


def is_same(known: str | None, planned: str) -> bool:
    """Tell whether migrations would run with what they have run with before, as far as their `when` asks for it."""
    old, new = _read(known), _read(planned)
    if old is None or new is None:
        return False
    return old.images == new.images if new.when is When.IMAGE else old.migrations == new.migrations


def name_changes(old: str, new: str) -> str:
    """Say what migrations run with that they did not before: `image changed, env DB_HOST added and 2 more`.

    Of a Secret its keys are named, and nothing else.
    """
    before, after = _read(old), _read(new)
    if before is None or after is None:
        return "the record was written by an older version of ks-universal"
    pick = _pick_images if after.when is When.IMAGE else _pick_all
    clauses = list(_list_changes(pick(before.parts), pick(after.parts)))
    return _enumerate(clauses) if clauses else "the order of steps or containers changed"


def _read(text: str | None) -> _Fingerprint | None:
    """Read a fingerprint; None where there is none, or it is of an older version."""
    try:
        return None if text is None else msgspec.json.decode(text, type=_Fingerprint)
    except msgspec.DecodeError:
        return None


def _list_facts(migration: Migration, release: Release) -> _Facts:
    job, pod = migration.body, pod_of(migration.body)
    (main,) = pod["containers"]
    said = {**_describe_container(main), **_describe_pod(pod), **_describe_settings(migration, main)}
    facts: _Facts = {"": said}
    if migration.step is not None:
        facts[f"step {migration.step}"] = {key: said.pop(key) for key in ("command", "args") if key in said}
    for container in pod.get("initContainers", ()):
        facts[f"container {container['name']}"] = _describe_container(container)
    for ref, content in release.read_content(job).items():
        facts[str(ref)] = content
    for ref in release.find_makers(job):
        facts[str(ref)] = describe(release.objects[ref].body)
    for ref in release.find_pod_dependencies(job):
        facts[str(ref)] = _describe_surrounding(ref, release.objects[ref].body, job)
    return facts


def _describe_container(container: Json) -> dict[str, Any]:
    env = {f"env {variable['name']}": variable for variable in container.get("env", ())}
    rest = {key: value for key, value in container.items() if key not in {"name", "env"} | _OF_THE_APPLICATION}
    return {"image": container["image"], **env, **rest}


def _describe_pod(pod: Json) -> dict[str, Any]:
    volumes = {f"volume {volume['name']}": volume for volume in pod.get("volumes", ())}
    rest = {_POD_NAMES.get(key, key): value for key, value in pod.items() if key not in _TOLD_APART}
    return {**volumes, **rest}


def _describe_settings(migration: Migration, main: Json) -> dict[str, Any]:
    spec = migration.body["spec"]
    undo = [pod_of(job)["containers"][0] for job in migration.undo]
    settings = {
        "container": main["name"],
        "namespace": migration.body["metadata"].get("namespace"),
        "phase": migration.phase,
        "backoffLimit": migration.retries,
        "timeout": migration.timeout_s,
        "retry": None if migration.retry is Retry.ALL else migration.retry,
        "fatalExitCodes": sorted(migration.fatal_exit_codes),
        "dependsOn": migration.depends_on,
        "rollback": [(container.get("command"), container.get("args")) for container in undo],
        **{key: spec.get(key) for key in ("parallelism", "completions")},
        **migration.own,
    }
    return {key: value for key, value in settings.items() if value not in (None, (), [])}


def _describe_surrounding(ref: ObjectRef, body: Json, job: Json) -> dict[str, Any]:
    """Describe an account, a claim, or a Secret that images are pulled with, without what all objects are given."""
    if ref.kind == "Secret":
        return dict(entries_of(body))
    said = {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata")}
    if ref.kind != "ServiceAccount":
        return said
    general = job["metadata"].get("annotations", {})
    annotations = body["metadata"].get("annotations", {})
    return {**{key: value for key, value in annotations.items() if general.get(key) != value}, **said}


def _shorten(facts: Sequence[_Facts]) -> dict[str, dict[str, str]]:
    groups = dict.fromkeys(group for each in facts for group in each)
    return {group: _shorten_group([each[group] for each in facts if group in each]) for group in groups}


def _shorten_group(described: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Give a digest for each key; what several steps share counts once, so that a new step does not change it."""
    keys = dict.fromkeys(key for each in described for key in each)
    if len(keys) > _MOST_KEYS:
        return {"": digest(described)[:_SHORT]}
    values = {key: dict.fromkeys(digest(each[key]) for each in described if key in each) for key in keys}
    return {key: digest(list(found))[:_SHORT] for key, found in values.items()}


def _pick_all(parts: _Parts) -> _Parts:
    return parts


def _pick_images(parts: _Parts) -> _Parts:
    own = {group: keys for group, keys in parts.items() if not group or group.startswith("container ")}
    return {group: {key: value for key, value in keys.items() if key == "image"} for group, keys in own.items()}


def _list_changes(before: _Parts, after: _Parts) -> Iterator[str]:
    for group in dict.fromkeys((*after, *before)):
        old, new = before.get(group, {}), after.get(group, {})
        keys = [key for key in dict.fromkeys((*new, *old)) if old.get(key) != new.get(key)]
        if not group:
            yield from (f"{key} {_name_change(key, old, new)}" for key in keys)
        elif group not in before or group not in after:
            yield f"{group} {_name_change(group, before, after)}"
        elif keys:
            named = _enumerate([key for key in keys if key])
            yield f"{group} changed ({named})" if named else f"{group} changed"


def _name_change(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if key not in before:
        return "added"
    return "changed" if key in after else "removed"


def _enumerate(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
