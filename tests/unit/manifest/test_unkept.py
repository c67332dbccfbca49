"""What each flavour cannot keep, on releases that ask for it."""

import re
from typing import Any

import pytest

from ks_universal.api.values import render
from ks_universal.manifest.flavors import Flavor, PlainStage, flavor_objects
from ks_universal.manifest.plain import build_plain
from ks_universal.manifest.unkept import find_unkept
from ks_universal.resources.objects import Rendered, object_ref
from support.releases import app, load_values, render_values

PLAIN, HELM, ARGOCD, FLUX = Flavor


def release(**deployments: dict[str, Any]) -> Rendered:
    return render_values({"deployments": deployments})


def with_job(**words: Any) -> Rendered:
    job = {"containers": {"main": {"image": "a", "imageTag": "1"}}, **words}
    return render_values({"deployments": {"web": app()}, "jobs": {"seed": job}})


def codes(rendered: Rendered, flavor: Flavor) -> list[str]:
    return [problem.code.removeprefix("flavor/") for problem in find_unkept(rendered, flavor)]


@pytest.mark.parametrize("flavor", Flavor)
def test_nothing_is_said_of_a_release_without_wishes(flavor: Flavor) -> None:
    assert codes(with_job(), flavor) == []


def test_what_a_migration_depends_on_comes_after_helms_hooks() -> None:
    rendered = release(pgbouncer=app(), web=app({"name": "up", "args": ["up"], "dependsOn": ["pgbouncer"]}))
    problem, _ = find_unkept(rendered, HELM)
    assert problem.message == (
        "Helm runs Job/web-migrations-up before it makes Deployment/pgbouncer, on which it depends"
    )
    assert codes(rendered, ARGOCD) == ["migrations-when"]
    assert codes(rendered, PLAIN) == ["order", "depends-on"]


def test_a_rollout_that_depends_on_another_is_not_ordered_by_helm() -> None:
    rendered = release(db=app(), web=app() | {"dependsOn": ["db"]})
    assert [codes(rendered, flavor) for flavor in (PLAIN, HELM, ARGOCD)] == [["depends-on"], ["depends-on"], []]


@pytest.mark.parametrize(("wish", "found"), [(False, True), (["web"], False), (["api"], True), (True, False)])
def test_helm_has_all_wait_for_all_migrations(wish: Any, *, found: bool) -> None:
    api = app("schema") if wish == ["api"] else app()
    rendered = release(web=app("schema"), api=api, docs=app() | {"waitForMigrations": wish})
    assert [("wait-for-migrations" in codes(rendered, flavor)) for flavor in (HELM, ARGOCD)] == [found, False]


def test_a_post_migration_waits_for_no_old_pod() -> None:
    rendered = release(web=app({"name": "late", "args": ["x"], "phase": "post"}))
    assert [codes(rendered, flavor) for flavor in (HELM, ARGOCD)] == [["post-phase", "migrations-when"]] * 2


@pytest.mark.parametrize("when", ["changed", "image"])
def test_when_hooks_run_migrations_whatever_has_changed(when: str) -> None:
    web = app("schema", {"name": "late", "args": ["x"], "phase": "post"})
    web["migrations"]["when"] = when
    rendered = release(web=web)
    for flavor, words in (
        (HELM, "Helm runs migrations in each upgrade"),
        (ARGOCD, "Argo CD runs migrations in each sync"),
    ):
        problem = find_unkept(rendered, flavor)[-1]
        assert problem.code == "flavor/migrations-when"
        jobs = ("Job/web-migrations-schema", "Job/web-migrations-late")
        told = ", ".join(f"{job} ('when: {when}')" for job in jobs)
        assert problem.message == f"{words}, whatever has changed: {told}"
    for flavor in (PLAIN, FLUX):
        assert ("migrations-when" in codes(rendered, flavor)) == (when == "image")


def test_when_always_is_what_hooks_do_and_applying_does_not() -> None:
    web = app("schema")
    web["migrations"]["when"] = "always"
    rendered = release(web=web)
    assert [codes(rendered, flavor) for flavor in Flavor] == [["order", "migrations-when"], [], [], ["migrations-when"]]


def test_jobs_that_are_awaited_or_run_once() -> None:
    assert [codes(with_job(wait=True), flavor) for flavor in (PLAIN, HELM, ARGOCD)] == [["job-wait"]] * 3
    once = with_job(when="install")
    assert [codes(once, flavor) for flavor in (PLAIN, HELM, ARGOCD)] == [["job-when"], ["job-wait"], ["job-when"]]
    assert codes(with_job(when="install", wait=True), HELM) == []


def test_a_job_that_ran_stays_as_the_sign_of_it() -> None:
    for words, found in (({}, [HELM, ARGOCD]), ({"when": "install"}, [ARGOCD])):
        rendered = with_job(ttlSecondsAfterFinished=60, **words)
        assert [flavor for flavor in (HELM, ARGOCD) if "job-ttl" in codes(rendered, flavor)] == found
        for flavor in found:
            job = next(body for body in flavor_objects(rendered, flavor) if body["kind"] == "Job")
            assert "ttlSecondsAfterFinished" not in job["spec"]
            assert re.fullmatch("seed-[0-9a-f]{8}", job["metadata"]["name"])


def test_argocd_opens_the_gate_for_what_a_migration_needs_an_application_for() -> None:
    db, web = app(secrets=["db"]), app("one", secrets=["db"], depends_on=["pg"])
    rendered = render_values({"configs": {"db": {"type": "secret", "data": {}}}, "deployments": {"pg": db, "web": web}})
    (problem,) = (p for p in find_unkept(rendered, ARGOCD) if p.code == "flavor/open-gate")
    assert problem.message == (
        "Secret/db changes before the migrations of web: they wait for an application that uses it, too"
    )
    assert "open-gate" not in codes(rendered, HELM)


def test_d30_helm_runs_a_job_for_the_installation_once_and_after_the_migrations() -> None:
    *_, last = flavor_objects(with_job(when="install"), HELM)
    assert (last["kind"], last["metadata"]["name"]) == ("Job", "seed")
    assert last["metadata"]["annotations"]["helm.sh/hook"] == "post-install"


def test_what_makes_a_secret_comes_after_helms_hooks() -> None:
    maker = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret"}
    web = {"deployments": {"web": app("one", secrets=["db"])}}
    used = render_values({**web, "extraObjects": {"db": maker}})
    assert "extra-objects" in codes(used, Flavor.HELM)
    assert "extra-objects" not in codes(used, Flavor.ARGOCD)
    assert "extra-objects" not in codes(render_values({**web, "extraObjects": {"other": maker}}), Flavor.HELM)


@pytest.mark.parametrize("flavor", Flavor)
def test_bindings_need_the_namespace_of_the_release(flavor: Flavor) -> None:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    values = load_values({"roles": {"r": {"rules": [rule], "bind": ["default"]}}})
    assert codes(render(values, "demo"), flavor) == ["namespace"]
    assert codes(render(values, "demo", "ns"), flavor) == []


def test_the_copy_of_an_account_has_the_rights_of_the_account_in_helms_hooks() -> None:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    rendered = render_values(
        {
            "serviceAccounts": {"m": {"rbac": {"rules": [rule]}}, "other": {"rbac": {"rules": [rule]}}},
            "deployments": {
                "web": {**app("one"), "migrations": {"enabled": True, "args": ["a"], "serviceAccount": "m"}}
            },
        }
    )
    objects = {(body["kind"], body["metadata"]["name"]): body for body in flavor_objects(rendered, Flavor.HELM)}
    binding = objects["RoleBinding", "m-migrations"]
    assert binding["roleRef"]["name"] == "m-migrations"
    assert [subject["name"] for subject in binding["subjects"]] == ["m-migrations"]
    assert objects["Role", "m-migrations"]["rules"] == [rule]
    assert objects["RoleBinding", "m"]["subjects"][0]["name"] == "m"
    assert ("Role", "other-migrations") not in objects


def test_plain_has_what_migrations_depend_on_before_them_unless_it_waits_for_some_itself() -> None:
    values = {
        "configs": {"login": {"type": "secret", "data": {"PASSWORD": "x"}}},
        "deployments": {
            "db": app(secrets=["login"]),
            "api": app("up", secrets=["login"], depends_on=["db"]),
            "web": app("up", depends_on=["api"]),
        },
    }
    rendered = render_values(values)
    needs = [str(object_ref(body)) for body in build_plain(rendered, PlainStage.NEEDS)]
    assert "Deployment/db" in needs
    assert "Deployment/api" not in needs  # it waits for its own migrations
    told = {problem.message for problem in find_unkept(rendered, PLAIN)}
    assert "kubectl does not wait for Deployment/db, on which Job/api-migrations-up depends" in told
    assert "Job/web-migrations-up is in a stage before that of Deployment/api, on which it depends" in told
    assert "open-gate" in codes(rendered, PLAIN)  # api's Secret is db's, too
