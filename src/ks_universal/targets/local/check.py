"""What cannot succeed on this machine, found before anything starts."""

from collections.abc import Callable, Iterator
from functools import partial

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.model.format.local import Local
from ks_universal.model.kubernetes.makers import list_made
from ks_universal.plan.one_off_jobs import as_migration, find_job_digest
from ks_universal.plan.steps import Apply, Delete, Migrate, Plan, RollOut
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.targets.local.environment import Sources
from ks_universal.targets.local.hosting import Built, Host, PodRequest

_POD_NAME = "statefulset.kubernetes.io/pod-name"
_POD_INDEX = "apps.kubernetes.io/pod-index"
_WITHOUT_CONTROLLER = frozenset(("ConfigMap", "CronJob", "Job", "Secret"))
"""Of the extra objects: configuration, and what has a warning of its own."""


Builder = Callable[[Json, str, Sources], Built]
"""Gives what to run for a pod, of a workload of that name, and why it cannot run here."""


def find_problems(
    plan: Plan, objects: dict[ObjectRef, Json], host: Host, local: Local, own_ports: set[int]
) -> Iterator[Problem]:
    """Find what the plan's steps cannot do here. `objects` are the live ones, `own_ports` those that our pods hold."""
    build: Builder = partial(host.build, local=local)
    there = _objects_after(plan, objects)
    yield from _warn_of_cron_jobs(plan)
    yield from _warn_of_extras(plan)
    yield from _warn_of_jobs(plan, there, build)
    served: dict[str, PodRequest] = {}
    for step in plan.steps:
        if isinstance(step, Migrate | RollOut):
            request, problems = build_step(step, there, plan.namespace, build)
            yield from problems
            if isinstance(step, RollOut) and step.body["spec"].get("replicas") != 0:
                served[step.body["metadata"]["name"]] = request
    yield from host.find_port_problems(served, own_ports)


def build_step(step: Migrate | RollOut, objects: dict[ObjectRef, Json], namespace: str, build: Builder) -> Built:
    """Return what to run for a step, with the configuration that is staged for it, and why it cannot run."""
    body = step.migration.body if isinstance(step, Migrate) else step.body
    staged = {object_ref(copy): copy for copy in step.staged} if isinstance(step, Migrate) else {}
    template, name = read_pod(body), body["metadata"]["name"]
    sources = Sources(objects | staged, body["metadata"].get("namespace", namespace), template, _name_pod(body))
    return build(template, name, sources)


def read_pod(body: Json) -> Json:
    """Read what a workload's pod is made of; that of a StatefulSet is its first, with its number and its claims."""
    template: Json = body["spec"]["template"]
    if body["kind"] != "StatefulSet":
        return template
    metadata, spec = template.get("metadata") or {}, template["spec"]
    numbered = {_POD_NAME: _name_pod(body), _POD_INDEX: str(_read_start(body))}
    claims = [{"name": t["metadata"]["name"], "volumeClaimTemplate": t["spec"]} for t in _list_claims(body)]
    names = {claim["name"] for claim in claims}
    volumes = [*(volume for volume in spec.get("volumes") or () if volume["name"] not in names), *claims]
    return {
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **numbered}},
        "spec": {**spec, **({"volumes": volumes} if volumes else {})},
    }


def _name_pod(body: Json) -> str:
    name = body["metadata"]["name"]
    return f"{name}-{_read_start(body)}" if body["kind"] == "StatefulSet" else f"{name}-local"


def _read_start(stateful_set: Json) -> int:
    return int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)


def _list_claims(stateful_set: Json) -> list[Json]:
    return list(stateful_set["spec"].get("volumeClaimTemplates") or ())


def build_job(step: Apply, objects: dict[ObjectRef, Json], namespace: str, build: Builder) -> Built:
    """Return what to run for a Job of the values, and why it cannot run here."""
    request, problems = build_step(as_migration(step.id, step.body), objects, namespace, build)
    if len(request.containers) > 1:
        hint = "make those that only help native sidecars: 'initContainers' with 'restartPolicy: Always'"
        problems = (*problems, Problem("local/not-run", "it has more than one container", hint=hint))
    return request, problems


def _objects_after(plan: Plan, objects: dict[ObjectRef, Json]) -> dict[ObjectRef, Json]:
    gone = {step.identity for step in plan.steps if isinstance(step, Delete)}
    applied = {object_ref(step.body): step.body for step in plan.steps if isinstance(step, Apply)}
    return {ref: body for ref, body in objects.items() if ref not in gone} | applied


def _warn_of_cron_jobs(plan: Plan) -> Iterator[Problem]:
    """Warn of what a cluster would run and this machine never does: by the clock, or a Job that is none of `jobs`."""
    bodies = [step.body for step in plan.steps if isinstance(step, Apply) and find_job_digest(step.body) is None]
    names = [str(object_ref(body)) for body in bodies if body["kind"] in ("CronJob", "Job")]
    if names:
        message = f"not run on this machine: {', '.join(names)}"
        hint = (
            "`up` has no clock: run one when you want it to with --run, as in 'ks-universal up NAME -f ... --run JOB'"
        )
        yield Problem("local/not-run", message, hint=hint, severity=Severity.WARNING)


def _warn_of_extras(plan: Plan) -> Iterator[Problem]:
    """Warn of extra objects whose controllers are not here."""
    bodies = [step.body for step in plan.steps if isinstance(step, Apply) and step.awaits_ready]
    names = [str(object_ref(body)) for body in bodies if object_ref(body).kind not in _WITHOUT_CONTROLLER]
    if names:
        made = [f"{kind}/{name}" for body in bodies for kind, name in list_made(body)]
        message = f"without effect on this machine: {', '.join(names)}"
        hint = (
            f"nothing makes {', '.join(made)} here: write it in 'configs' of another values file (-f)" if made else None
        )
        yield Problem("local/not-run", message, hint=hint, severity=Severity.WARNING)


def _warn_of_jobs(plan: Plan, objects: dict[ObjectRef, Json], build: Builder) -> Iterator[Problem]:
    """Warn of the Jobs that cannot run here; the applications can without them."""
    for step in plan.steps:
        if isinstance(step, Apply) and find_job_digest(step.body) is not None:
            _, problems = build_job(step, objects, plan.namespace, build)
            for problem in problems:
                message = f"not run on this machine: {object_ref(step.body)}: {problem.message}"
                yield Problem("local/not-run", message, hint=problem.hint, severity=Severity.WARNING)
