"""What pods name is there before them, and nothing that they wait with changes before migrations, in all values."""

from pathlib import Path

import pytest

from golden.test_template import CASES, build
from ks_universal.json_types import Json
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.manifest.gates import close_gates
from ks_universal.manifest.uses import find_users
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.precedence import Node, Part
from ks_universal.order import find_all_needs
from ks_universal.resources.objects import WORKLOAD_KINDS, ObjectRef, object_ref, read_template
from ks_universal.resources.precedence import find_precedence
from ks_universal.resources.references import read_references

Bodies = dict[ObjectRef, Json]
ARGO_HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
HELM_HOOK, WEIGHT = "helm.sh/hook", "helm.sh/hook-weight"


def annotations(body: Json) -> Json:
    found: Json = body["metadata"].get("annotations") or {}
    return found


def flavored(case: Path, flavor: Flavor) -> Bodies:
    return {object_ref(body): body for body in flavor_objects(build(case), flavor)}


def find_needed(body: Json, bodies: Bodies) -> list[Json]:
    """The objects among all that the pods of one name, and the pull secrets of their account."""
    namespace = object_ref(body).namespace
    refs = [ObjectRef(kind, namespace, name) for kind, name in read_references(read_template(body)["spec"])]
    accounts = [bodies[ref] for ref in refs if ref.kind == "ServiceAccount" and ref in bodies]
    refs += [ObjectRef("Secret", namespace, s["name"]) for a in accounts for s in a.get("imagePullSecrets", ())]
    return [bodies[ref] for ref in refs if ref in bodies]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_argocd_makes_what_pods_need_before_them(case: Path) -> None:
    bodies = flavored(case, Flavor.ARGOCD)
    waves = {ref: int(annotations(body)[WAVE]) for ref, body in bodies.items()}
    for ref, body in bodies.items():
        if ref.kind in WORKLOAD_KINDS:
            for needed in find_needed(body, bodies):
                assert waves[object_ref(needed)] <= waves[ref]
    for ref in bodies:
        if ref.kind == "RoleBinding":
            assert waves[ref] < 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_argocd_changes_nothing_before_the_migrations_of_its_users(case: Path) -> None:
    rendered = build(case)
    bodies = flavored(case, Flavor.ARGOCD)
    waves = {ref: int(annotations(body)[WAVE]) for ref, body in bodies.items()}
    users, precedence = find_users(rendered), find_precedence(rendered)
    _, still_open = close_gates(precedence, users)
    jobs: dict[str, list[ObjectRef]] = {}
    for migration in (each for each in rendered.migrations if each.phase is Phase.PRE):
        jobs.setdefault(migration.application, []).append(object_ref(migration.body))
    for ref, names in users.items():
        for name in names:
            for need in find_all_needs(precedence, Node(name, Part.ROLLOUT)):
                before = jobs.get(need.workload, ()) if need.part is Part.BEFORE else ()
                assert (ref, need.workload) in still_open or all(waves[job] < waves[ref] for job in before)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize(("flavor", "hook"), [(Flavor.ARGOCD, ARGO_HOOK), (Flavor.HELM, HELM_HOOK)])
def test_hooks_read_hooks_that_come_before_them_and_the_release_reads_none(
    case: Path, flavor: Flavor, hook: str
) -> None:
    bodies = flavored(case, flavor)
    for body in bodies.values():
        own = annotations(body).get(hook)
        for needed in find_needed(body, bodies) if body["kind"] in WORKLOAD_KINDS else ():
            theirs = annotations(needed).get(hook)
            if own is None:
                assert theirs is None or needed["kind"] == "PersistentVolumeClaim"
            elif flavor is Flavor.HELM and own.startswith("pre-"):
                assert theirs is not None and theirs.startswith("pre-install")
                assert int(annotations(needed)[WEIGHT]) < int(annotations(body)[WEIGHT])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("flavor", [Flavor.ARGOCD, Flavor.HELM])
def test_every_object_of_the_release_is_in_the_flavor(case: Path, flavor: Flavor) -> None:
    bodies = flavored(case, flavor)
    jobs = {ref.name.rpartition("-")[0] for ref in bodies if ref.kind == "Job"}
    for resource in build(case).objects:
        ref = object_ref(resource.body)
        assert ref in bodies or (ref.kind == "Job" and ref.name in jobs)
