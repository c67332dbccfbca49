"""What holds in each stage of the flavours `plain` and `flux`, on the values of all golden cases."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from ks_universal.json_types import Json
from ks_universal.manifest.flavors import PlainStage
from ks_universal.manifest.flux import divide_into_stages
from ks_universal.manifest.plain import build_plain
from ks_universal.model.format.migrations import Phase
from ks_universal.model.parse import parse_application
from ks_universal.order import find_all_needs
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import WORKLOAD_KINDS, ObjectRef, Rendered, object_ref, read_template
from ks_universal.resources.references import read_references
from ks_universal.values.load import load_values

CASES = sorted(path.parent for path in (Path(__file__).parent / "template").glob("*/values.yaml"))
Stages = Mapping[str, Sequence[Json]]

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def build(case: Path) -> Rendered:
    application = parse_application(load_values([str(case / "values.yaml")]).tree).application
    assert application is not None
    return build_objects(application, "demo", "shop")


def list_used(workload: Json) -> Iterator[ObjectRef]:
    """List what the pods of a workload name."""
    namespace = object_ref(workload).namespace
    for kind, name in read_references(read_template(workload)["spec"]):
        yield ObjectRef(kind, namespace, name)


def check_stages(rendered: Rendered, stages: Stages, before: Mapping[str, set[str]], unstaged: set[str]) -> None:
    """Check that no object is in two stages, and that pods find what they name in theirs or in one before it."""
    made: dict[ObjectRef, str] = {}
    for name, bodies in stages.items():
        for body in bodies:
            assert object_ref(body) not in made
            made[object_ref(body)] = name
    real = {object_ref(resource.body) for resource in rendered.objects}
    for name, bodies in stages.items():
        for body in bodies:
            if object_ref(body).kind in WORKLOAD_KINDS:
                used = {ref: made[ref] for ref in list_used(body) if ref in real or ref in made}
                assert {ref: stage for ref, stage in used.items() if stage not in {name, *before[name]}} == {}
                if name not in unstaged:
                    continue
                read = {ref for ref in used if ref.kind in ("ConfigMap", "Secret")}
                pulled = {ref for ref in read if ref in real and made[ref] == "needs"}
                assert not (read - pulled) & real


@every_case
def test_in_flux_pods_find_what_they_name_and_migrations_read_copies(case: Path) -> None:
    rendered = build(case)
    stages = divide_into_stages(rendered)
    needs = {stage.name: stage.needs for stage in stages}
    before = {name: find_all_needs(needs, name) - {name} for name in needs}
    migrating = {name for name in needs if name.startswith("migrate-")}
    check_stages(rendered, {stage.name: stage.bodies for stage in stages}, before, migrating)
    assert all(set(stage.needs) <= set(list(needs)[:number]) for number, stage in enumerate(stages))


@every_case
def test_in_plain_pods_find_what_they_name_and_migrations_read_copies(case: Path) -> None:
    rendered = build(case)
    stages = {str(stage): build_plain(rendered, stage) for stage in PlainStage}
    names = list(stages)
    before = {name: set(names[: names.index(name)]) for name in names}
    check_stages(rendered, stages, before, {"migrations"})
    assert build_plain(rendered) == tuple(body for bodies in stages.values() for body in bodies)


@every_case
def test_gate_what_running_pods_use_is_in_no_stage_before_the_migrations(case: Path) -> None:
    rendered = build(case)
    stages = {stage.name: stage for stage in divide_into_stages(rendered)}
    needs = {name: stage.needs for name, stage in stages.items()}
    early = {n for name in needs if name.startswith("migrate-") for n in find_all_needs(needs, name)}
    rolled_out = {name for name in early if name.startswith("app-")}
    for resource in rendered.objects:
        ref = object_ref(resource.body)
        if ref.kind in ("ConfigMap", "Secret") and not rolled_out:
            where = next(name for name, stage in stages.items() if ref in map(object_ref, stage.bodies))
            assert where not in early or is_for_pulling(rendered, ref)


def is_for_pulling(rendered: Rendered, ref: ObjectRef) -> bool:
    """Tell whether an account pulls images with a Secret."""
    accounts = (resource.body for resource in rendered.objects if resource.body["kind"] == "ServiceAccount")
    return any(secret["name"] == ref.name for body in accounts for secret in body.get("imagePullSecrets", ()))


@every_case
def test_names_of_migration_jobs_change_with_what_they_run_and_with_nothing_else(case: Path) -> None:
    rendered = build(case)
    jobs = name_jobs(rendered)
    for resource in rendered.objects:
        changed = name_jobs(replace(rendered, resource.body, touch(resource.body)))
        ref = object_ref(resource.body)
        reading = {
            m.application
            for m in rendered.migrations
            if ref.kind in ("ConfigMap", "Secret") and ref in set(list_used(m.body))
        }
        assert {app for app in jobs if jobs[app] != changed[app]} == reading
    for migration in rendered.migrations:
        retried = msgspec.structs.replace(migration, body=touch_job(migration.body))
        others = tuple(retried if each is migration else each for each in rendered.migrations)
        changed = name_jobs(msgspec.structs.replace(rendered, migrations=others))
        assert {app for app in jobs if jobs[app] != changed[app]} == {migration.application}


def name_jobs(rendered: Rendered) -> dict[str, list[str]]:
    """Name the Jobs of migrations, by application."""
    bodies = [*build_plain(rendered, PlainStage.MIGRATIONS), *build_plain(rendered, PlainStage.POST)]
    found: dict[str, list[str]] = {migration.application: [] for migration in rendered.migrations}
    for migration in rendered.migrations:
        name = migration.body["metadata"]["name"]
        found[migration.application] += [
            body["metadata"]["name"] for body in bodies if body["metadata"]["name"].startswith(name[:54])
        ]
    return found


def replace(rendered: Rendered, old: Json, new: Json) -> Rendered:
    objects = tuple(msgspec.structs.replace(each, body=new) if each.body is old else each for each in rendered.objects)
    return msgspec.structs.replace(rendered, objects=objects)


def touch(body: Json) -> Json:
    """Change an object: the entries of configuration, and what is not read by pods of anything else."""
    if body["kind"] in ("ConfigMap", "Secret"):
        return {**body, "data": {key: f"{value}x" for key, value in (body.get("data") or {"new": ""}).items()}}
    return {**body, "metadata": {**body["metadata"], "annotations": {"touched": "x"}}}


def touch_job(body: Json) -> Json:
    return {**body, "spec": {**body["spec"], "backoffLimit": 99}}


def test_there_are_migrations_of_both_phases_among_the_cases() -> None:
    phases = {migration.phase for case in CASES for migration in build(case).migrations}
    assert phases == set(Phase)
