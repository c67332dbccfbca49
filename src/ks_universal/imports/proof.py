"""Proves values: they are read as they are written, rendered in memory, and compared with what they were made of."""

from collections.abc import Iterator

from ks_universal.diagnostics import Problem, Severity
from ks_universal.imports.clean import clean_object
from ks_universal.imports.compare import find_differences, normalize, normalize_pods, number_ports
from ks_universal.imports.draft import Draft
from ks_universal.imports.read import Found, is_known
from ks_universal.imports.render import Made, make_tree
from ks_universal.imports.selection import find_met, selects
from ks_universal.imports.workloads import SERVING
from ks_universal.json_types import Json
from ks_universal.resources.objects import Migration, ObjectRef, Rendered, object_ref
from ks_universal.values.parse import parse_yaml

_WHERE_IT_RUNS = (
    "affinity",
    "imagePullSecrets",
    "nodeSelector",
    "priorityClassName",
    "terminationGracePeriodSeconds",
    "tolerations",
)
"""What a migration has of its deployment, whatever its Job said: where pods run, how long they may take to end."""

_SHOWN = 4
"""How many differing fields of an object are named."""


def prove(text: str, draft: Draft) -> list[Problem]:
    """Find what the values make otherwise than the objects that they were made of say."""
    tree, problems = parse_yaml(text, "values of the import")
    made = make_tree(tree, draft.release, draft.namespace)
    if made.rendered is None or problems:
        return [*problems, *made.problems]
    return [
        *made.problems,
        *_compare(made, draft),
        *_compare_migrations(made.rendered, draft),
        *_compare_selectors(made, draft),
    ]


def list_differing(made: Made, draft: Draft) -> Iterator[tuple[Found, list[str]]]:
    """List the objects that values make otherwise, each with its differing fields; none: they do not make it."""
    there = {_key(object_ref(body), draft): body for body in _list_bodies(made)}
    scaled = {_name_target(found.body) for found in draft.objects if _scales(found)}
    for found in draft.objects:
        body = there.get(_key(object_ref(found.body), draft))
        if body is None:
            yield found, []
            continue
        wanted, got = normalize(found.body), normalize(body)
        if id(found) in draft.dropped:
            _drop_init_containers(wanted["spec"]["template"]["spec"], draft.dropped[id(found)])
        if found.kind == "Service" and is_known(found.body):
            wanted = number_ports(wanted, _find_pods(wanted, [each.body for each in draft.objects]))
            got = number_ports(got, _find_pods(got, list(there.values())))
        if found.kind == "ServiceMonitor" and is_known(found.body):
            wanted["spec"] = {**wanted["spec"], "selector": got["spec"].get("selector")}
        if (found.kind, found.name) in scaled:
            wanted["spec"], got["spec"] = ({**each["spec"], "replicas": None} for each in (wanted, got))
        fields = list(find_differences(wanted, got))
        if fields:
            yield found, fields


def _drop_init_containers(pod: Json, names: frozenset[str]) -> None:
    left = [container for container in pod.pop("initContainers") if container["name"] not in names]
    if left:
        pod["initContainers"] = left


def _scales(found: Found) -> bool:
    return found.kind == "HorizontalPodAutoscaler" and is_known(found.body)


def _name_target(autoscaler: Json) -> tuple[str, str]:
    target = autoscaler["spec"]["scaleTargetRef"]
    return target.get("kind", ""), target.get("name", "")


def _compare(made: Made, draft: Draft) -> Iterator[Problem]:
    for found, fields in list_differing(made, draft):
        clause = f"becomes another: {_shorten(fields)}" if fields else "is not made by these values"
        yield Problem("import/differs", f"{found} {clause}", found.where, severity=Severity.WARNING)
    wanted = {_key(object_ref(found.body), draft) for found in draft.objects}
    for body in _list_bodies(made):
        if _key(object_ref(body), draft) not in wanted:
            message = f"{object_ref(body)} is made by these values, and is not in the input"
            yield Problem("import/differs", message, severity=Severity.WARNING)


def _compare_migrations(rendered: Rendered, draft: Draft) -> Iterator[Problem]:
    steps = {(each.application, each.step): each for each in rendered.migrations}
    for found, body, owner, step in draft.migrations:
        fields = list(_compare_jobs(body, steps[owner, step])) if (owner, step) in steps else ["all of it"]
        if fields:
            message = f"the migration that was {found} runs with other pods: {_shorten(fields)}"
            yield Problem("import/differs", message, found.where, severity=Severity.WARNING)


def _compare_jobs(job: Json, migration: Migration) -> Iterator[str]:
    """Compare the pods of a Job and those of a migration, by what runs in them: not their labels nor their order."""
    pods: list[Json] = []
    for body in (job, migration.body):
        spec = dict(normalize_pods(clean_object(body)["spec"]["template"])["spec"])
        spec["restartPolicy"] = "Never"
        for key in _WHERE_IT_RUNS:
            spec.pop(key, None)
        first, *_ = spec["containers"]
        containers = {c["name"]: c for c in spec["containers"]}
        wanted = migration.body["spec"]["template"]["spec"]["containers"][0]["name"]
        main = {key: value for key, value in (containers.get(wanted) or first).items() if key not in ("name", "ports")}
        for key in ("env", "envFrom", "volumeMounts"):
            main[key] = sorted(main.get(key, []), key=repr)
        spec["volumes"] = sorted(spec.get("volumes", []), key=repr)
        pods.append({**spec, "containers": [main]})
    yield from find_differences(pods[0], pods[1])


def _compare_selectors(made: Made, draft: Draft) -> Iterator[Problem]:
    """Compare whom each selector meets: labels are names, and names of managers are other ones now."""
    places = {(found.kind, found.name): found for found in draft.objects}
    before, after = find_met(found.body for found in draft.objects), find_met(_list_bodies(made))
    for key, met in before.items():
        kind, name, where = key
        if key in after and after[key] != met:
            lost, new = sorted(met - after[key]), sorted(after[key] - met)
            clause = f"no longer meets {', '.join(lost)}" if lost else f"also meets {', '.join(new)}"
            found = places[kind, name]
            hint = "give the pods the labels that it asks for: podLabels"
            yield Problem("import/selects", f"{found}: {where} {clause}", found.where, hint, Severity.WARNING)


def _find_pods(service: Json, bodies: list[Json]) -> list[Json]:
    selector = {"matchLabels": service["spec"].get("selector") or {"": ""}}
    templates = [b["spec"]["template"] for b in bodies if b["kind"] in SERVING and is_known(b)]
    return [t for t in templates if selects(selector, (t.get("metadata") or {}).get("labels", {}))]


def _list_bodies(made: Made) -> list[Json]:
    return [] if made.rendered is None else [each.body for each in made.rendered.objects]


def _key(ref: ObjectRef, draft: Draft) -> tuple[str, str, str]:
    return ref.kind, "" if ref.namespace == draft.namespace else ref.namespace, ref.name


def _shorten(fields: list[str]) -> str:
    shown = "; ".join(fields[:_SHOWN])
    return shown if len(fields) <= _SHOWN else f"{shown}; and {len(fields) - _SHOWN} more"
