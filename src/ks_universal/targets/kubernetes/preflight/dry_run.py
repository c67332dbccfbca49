"""Finds what the API server would refuse, and what would change, by a dry run of each change, all at once."""

import asyncio
import re
from collections.abc import Container, Iterable, Iterator, Mapping

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, ObjectChange, compare_objects, name_change
from ks_universal.plan.one_off_jobs import find_job_digest
from ks_universal.plan.steps import Apply, AwaitOldPods, Delete, Migrate, Plan, RollOut, RunJob, Step
from ks_universal.resources.access import BINDING_KINDS
from ks_universal.resources.keeping import CLAIM
from ks_universal.resources.objects import WORKLOAD_KINDS, ObjectRef, object_ref, read_template
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError, is_lasting
from ks_universal.targets.kubernetes.migration.one_off_jobs import is_done, is_replaced, without_identity
from ks_universal.targets.kubernetes.objects.applying import build_applied, read_crossings
from ks_universal.targets.kubernetes.objects.crossings import REPLICAS, find_conflict, harden, soften
from ks_universal.targets.kubernetes.objects.field_owners import read_field
from ks_universal.targets.kubernetes.objects.own_objects import find_strangers
from ks_universal.targets.kubernetes.objects.ownership import Owner, find_foreign, is_as_applied
from ks_universal.targets.kubernetes.objects.pod_claims import judge_claim, read_pod_claims
from ks_universal.targets.kubernetes.objects.removal import plan_removal, warn_of_end
from ks_universal.targets.kubernetes.objects.scaling import Scalers
from ks_universal.targets.kubernetes.objects.takeover import drop_leftovers
from ks_universal.targets.kubernetes.observed.pauses import apply_or_resume, find_pause
from ks_universal.targets.kubernetes.preflight.coming import Coming
from ks_universal.targets.kubernetes.preflight.fixed_fields import name_fixed_fields, warn_of_left_pods
from ks_universal.targets.kubernetes.preflight.missing_references import find_missing
from ks_universal.targets.kubernetes.preflight.unknown_kinds import KindName, describe_unknown, find_unknown_kinds

_JUDGES_OF_PODS = frozenset(("kubernetes/pod-security", "kubernetes/admission"))
"""Findings about a tried pod that count. Not those of quotas, which depend on what goes first, nor a missing right."""
_MAY_PASS = re.compile(r"service ?account|failed calling webhook", re.IGNORECASE)
"""The ServiceAccount may be one that this deploy makes."""


class Trial(msgspec.Struct, frozen=True):
    """What came of trying a step: what would change (None: it is a migration), what is in its way, and what to know."""

    change: ObjectChange | None = None
    problem: Problem | None = None
    warning: Problem | None = None


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is tried on: the objects that exist, those that are on their way out, and whose release it is.

    With `force`, other owners' objects and fields are no hindrance. What leaves the values stays where it is of the
    kinds `kept`. `made_before` is what is there before the first step, and not yet.
    """

    live: Mapping[ObjectRef, Json]
    terminating: Mapping[ObjectRef, Json]
    owner: Owner
    force: bool
    kept: Container[str]
    scalers: Scalers
    made_before: tuple[Json, ...] = ()


async def try_plan(client: Client, plan: Plan, situation: Situation) -> tuple[Trial, ...]:
    """Try the plan's changes without effect; return what comes of them, in the plan's order.

    First come unknown kinds, and what pods need that is not there.
    """
    bodies = [step.body for step in plan.steps if isinstance(step, Apply | RollOut)]
    coming = Coming((*situation.made_before, *bodies), situation.live)
    unknown = await find_unknown_kinds(client, (body for body in bodies if not coming.brings(body)))
    known = [step for step in plan.steps if _name_kind(step) not in unknown]
    trials = await asyncio.gather(*(_try_step(client, step, situation, coming) for step in known))
    changes = [trial.change for trial in trials if trial.change is not None]
    leaving = [change.identity for change in changes if change.change is Change.DELETED]
    missing = await find_missing(client, plan, _list_starting(known, trials), situation.live, leaving)
    ending = _find_ending(known, situation.terminating)
    claims = await asyncio.gather(*(_list_claims(client, step, situation) for step in known))
    problems = (Trial(problem=problem) for problem in (*unknown.values(), *missing, *ending))
    return (*problems, *trials, *(Trial(change) for of_step in claims for change in of_step))


async def _list_claims(client: Client, step: Step, situation: Situation) -> list[ObjectChange]:
    """List what becomes of the claims of a StatefulSet that leaves."""
    live = situation.live.get(step.identity) if isinstance(step, Delete) else None
    if live is None or not isinstance(step, Delete) or plan_removal(live, step, situation.owner, ()) is None:
        return []
    return [judge_claim(claim, live, situation.kept) for claim in await read_pod_claims(client, live)]


def _find_ending(steps: Iterable[Step], terminating: Mapping[ObjectRef, Json]) -> Iterator[Problem]:
    """Tell of what is wanted and is being deleted, and of data that goes though it was to be kept."""
    for step in steps:
        ref = step.identity if isinstance(step, Delete | AwaitOldPods) else object_ref(_read_body(step))
        is_wanted = not isinstance(step, Delete | AwaitOldPods)
        if ref in terminating and (is_wanted or ref.kind == CLAIM):
            yield warn_of_end(terminating[ref], is_wanted=is_wanted)


def _read_body(step: Apply | Migrate | RollOut) -> Json:
    return step.migration.body if isinstance(step, Migrate) else step.body


def _list_starting(steps: Iterable[Step], trials: Iterable[Trial]) -> Iterator[Json]:
    """List the workloads that start pods: those of what does not change have started."""
    for step, trial in zip(steps, trials, strict=True):
        changes = trial.change is not None and trial.change.change is not Change.UNCHANGED
        if trial.problem is None and isinstance(step, Migrate):
            yield step.migration.body
        elif (
            trial.problem is None
            and isinstance(step, Apply | RollOut)
            and changes
            and object_ref(step.body).kind in WORKLOAD_KINDS
        ):
            yield step.body


def _name_kind(step: Step) -> KindName | None:
    return (step.body["apiVersion"], step.body["kind"]) if isinstance(step, Apply | RollOut) else None


async def _try_step(client: Client, step: Step, situation: Situation, coming: Coming) -> Trial:
    if isinstance(step, AwaitOldPods):
        return Trial()
    if not isinstance(step, Delete) and coming.brings(_read_body(step)):
        made = ObjectChange(identity=object_ref(_read_body(step)), change=Change.CREATED)
        return Trial(None if isinstance(step, Migrate) else made)
    owner, force = situation.owner, situation.force
    if isinstance(step, Delete):
        existing = situation.live.get(step.identity) or situation.terminating.get(step.identity)
        return Trial(plan_removal(existing, step, owner, situation.kept))
    body = _read_body(step)
    existing = situation.live.get(object_ref(body))
    foreign = find_foreign(existing, owner)
    if foreign is not None and not force:
        return Trial(problem=foreign)
    if isinstance(step, Migrate):
        for stranger in await find_strangers(client.of(body), step.staged):
            return Trial(problem=stranger)
        tried = await _try_renamed(client, body, step.digest, force=force)
        return Trial(problem=tried if isinstance(tried, Problem) else await _try_pod(client, body))
    marked = build_applied(existing, step.body, owner)
    is_new = object_ref(body) in situation.terminating
    if is_new:
        trial = await _try_anew(client, marked)
    else:
        trial = await _try_change(client.of(marked), marked, existing, situation)
    if trial.problem is not None or trial.change is None:
        return trial
    runs_again = isinstance(step, RunJob) and step.again
    changes = runs_again or trial.change.change is not Change.UNCHANGED
    if runs_again:
        trial = Trial(ObjectChange(identity=object_ref(body), change=Change.CHANGED))
    pause = find_pause(None if is_new else existing, body, changes=changes)
    refused = await _try_pod(client, body) if changes else None
    return msgspec.structs.replace(trial, problem=refused or pause)


async def _try_anew(client: Client, marked: Json) -> Trial:
    """Try an object that is to be made when the one of its name is gone; what cannot change of that is no hindrance."""
    tried = await _try(client, marked, force=True)
    problem = tried if isinstance(tried, Problem) and not is_lasting(tried) else None
    change = ObjectChange(identity=object_ref(marked), change=Change.CREATED, refused=problem is not None)
    return Trial(change, problem)


async def _try_change(client: Client, marked: Json, existing: Json | None, situation: Situation) -> Trial:
    ref = object_ref(marked)
    if is_as_applied(existing, marked) or is_done(existing, marked):
        return Trial(ObjectChange(identity=ref, change=Change.UNCHANGED))
    if existing is not None and is_replaced(existing, marked):
        tried = await _try_renamed(client, marked, find_job_digest(marked) or "", force=situation.force)
        if not isinstance(tried, Problem):
            return Trial(compare_objects(ref, without_identity(existing), without_identity(tried)))
        return Trial(ObjectChange(identity=ref, change=Change.CHANGED, refused=True), tried)
    crossings = await read_crossings(client, existing, marked, situation.scalers)
    conflict = None if situation.force or existing is None else find_conflict(existing, crossings)
    soft = soften(existing, marked, crossings)
    tried = conflict or await _try(client, soft, force=situation.force)
    problem = tried if isinstance(tried, Problem) else None
    if problem is not None and problem.code == "kubernetes/field-conflict":
        # What others have set is shown as it would be changed: that is what --take-ownership is about.
        tried = await _try(client, soft, force=True)
    if isinstance(tried, Problem) and existing is None and _lacks_role(marked, tried):
        return Trial(ObjectChange(identity=ref, change=Change.CREATED))
    if isinstance(tried, Problem):
        was_to_be = name_change(existing, same=False)
        if problem is not None and existing is not None:
            problem = name_fixed_fields(problem, existing, marked)
        return Trial(ObjectChange(identity=ref, change=was_to_be, refused=True), problem)
    made = harden(tried, marked, crossings)
    if existing is not None and find_foreign(existing, situation.owner) is not None:
        made = drop_leftovers(made, existing, marked)
    change = compare_objects(ref, existing, made)
    return Trial(change, problem, warning=_warn_of_fewer_pods(marked, change) or warn_of_left_pods(marked, change))


def _lacks_role(marked: Json, refusal: Problem) -> bool:
    """Tell whether a binding is refused because its role is not there, which the plan makes first.

    The API server looks it up for those who do not have the right to bind every role.
    """
    return marked["kind"] in BINDING_KINDS and refusal.code == "kubernetes/not-found"


def _warn_of_fewer_pods(marked: Json, change: ObjectChange) -> Problem | None:
    """Warn where the number of pods left the values, and no autoscaler has it now: it goes back to one."""
    pods = [field for field in change.fields if field.path == REPLICAS and read_field(marked, REPLICAS) is None]
    if not pods or pods[0].new >= pods[0].old:
        return None
    becomes = f"{pods[0].old} pods become {pods[0].new}"
    message = f"{change.identity}: 'replicas' left the values, and no autoscaler is there to have it: {becomes}"
    hint = "write the number that is wanted, or make the autoscaler first: it then begins with what is there"
    return Problem("kubernetes/fewer-pods", message, hint=hint, severity=Severity.WARNING)


async def _try_renamed(client: Client, job: Json, digest: str, *, force: bool) -> Json | Problem:
    """Try a Job under another name: one that exists cannot be changed, not even without effect."""
    name = job["metadata"]["name"]
    other = f"{name[:50]}-{digest[:8]}-try"
    tried = await _try(client, {**job, "metadata": {**job["metadata"], "name": other}}, force=force)
    if not isinstance(tried, Problem):
        return tried
    return msgspec.structs.replace(tried, message=tried.message.replace(other, name))


async def _try_pod(client: Client, workload: Json) -> Problem | None:
    """Find what keeps a workload's pods from being made; the API server accepts the workload itself."""
    if object_ref(workload).kind not in WORKLOAD_KINDS:
        return None
    template = read_template(workload)
    ref = object_ref(workload)
    name = f"{ref.name[:50]}-try"
    place = {"namespace": ref.namespace} if ref.namespace else {}
    metadata = {**template.get("metadata", {}), "name": name, **place}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    tried = await _try(client, pod, force=True)
    if not isinstance(tried, Problem) or tried.code not in _JUDGES_OF_PODS or _MAY_PASS.search(tried.message):
        return None
    because = tried.message.removeprefix(f"Pod/{name}: ").removeprefix(f'pods "{name}" is forbidden: ')
    return msgspec.structs.replace(tried, message=f"{ref}: its pods would be refused: {because}")


async def _try(client: Client, body: Json, *, force: bool) -> Json | Problem:
    kind = await client.find_kind(body["kind"], body["apiVersion"])
    if kind is None:
        return describe_unknown(body["apiVersion"], body["kind"], None)
    try:
        return await apply_or_resume(client.of(body), kind, body, force=force, dry_run=True)
    except ApiError as error:
        return error.problem
