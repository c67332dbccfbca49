"""Kustomizations of Flux: which object is in which stage, what these wait for, and what Flux may delete."""

from typing import Any

import pytest

from ks_universal.manifest.flavors import Flavor, FluxSource
from ks_universal.manifest.flux import Stage, build_flux, divide_into_stages
from ks_universal.manifest.unkept import find_unkept
from ks_universal.model.format.workloads import JobWhen
from ks_universal.resources.objects import Rendered
from support.releases import app, config, release, render_values, secret

Json = dict[str, Any]
PRUNE = "kustomize.toolkit.fluxcd.io/prune"


def stages_of(rendered: Rendered) -> dict[str, Stage]:
    return {stage.name: stage for stage in divide_into_stages(rendered)}


def find(rendered: Rendered, kind: str, name: str) -> tuple[str, Json]:
    """Find the stage of an object, and the object; of a name that has a digest, its beginning."""
    (found,) = (
        (stage.name, body)
        for stage in divide_into_stages(rendered)
        for body in stage.bodies
        if body["kind"] == kind and body["metadata"]["name"] in (name, name + body["metadata"]["name"][-9:])
    )
    return found


def is_kept(body: Json) -> bool:
    return bool(body["metadata"].get("annotations", {}).get(PRUNE) == "disabled")


def needs_of(rendered: Rendered) -> dict[str, tuple[str, ...]]:
    return {name: stage.needs for name, stage in stages_of(rendered).items()}


def test_stages_follow_the_graph_of_the_release() -> None:
    rendered = release(
        {"settings": config(A="1")},
        web=app("one", "two", {"name": "late", "args": ["x"], "phase": "post"}, configs=["settings"]),
        docs=app(configs=["settings"], dependsOn=["web"]),
    )
    assert needs_of(rendered) == {
        "needs": (),
        "migrate-web-0": ("needs",),
        "migrate-web-1": ("migrate-web-0",),
        "common": ("migrate-web-1",),
        "app-web": ("common",),
        "app-docs": ("app-web",),
        "post-web-0": ("app-docs",),
    }


def test_what_a_migration_depends_on_is_rolled_out_before_it_with_all_that_it_uses() -> None:
    values = {
        "configs": {"login": secret(P="p"), "own": config(A="1"), "other": config(B="1")},
        "services": {
            "database": {"selector": {"app.kubernetes.io/component": "db"}, "ports": [{"name": "sql", "port": 1}]}
        },
        "deployments": {
            "db": {**app(secrets=["login"], configs=["own"]), "autoCreateServiceAccount": True},
            "web": app("one", secrets=["login"], configs=["other"], depends_on=["db"]),
        },
    }
    rendered = render_values(values)
    assert needs_of(rendered) == {
        "needs": (),
        "app-db": ("needs",),
        "migrate-web-0": ("app-db",),
        "common": ("migrate-web-0",),
        "app-web": ("common",),
    }
    for kind, name in (("Secret", "login"), ("ConfigMap", "own"), ("Service", "database"), ("ServiceAccount", "db")):
        stage, body = find(rendered, kind, name)
        assert (stage, is_kept(body)) == ("needs", True)
    stage, body = find(rendered, "ConfigMap", "other")
    assert (stage, is_kept(body)) == ("common", False)
    assert [(p.code, p.message.split()[0]) for p in find_unkept(rendered, Flavor.FLUX)] == [
        ("flavor/open-gate", "Secret/login")
    ]


def test_a_claim_is_where_its_first_pod_is_and_never_deleted() -> None:
    mounted: Json = {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
        "containers": {"main": {"image": "a", "imageTag": "1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}},
    }
    claims = {name: {"accessModes": ["ReadWriteOnce"], "size": "1Gi"} for name in ("data", "rest")}
    migrations = {"enabled": True, "args": ["up"]}
    for web, expected in ((mounted, "app-web"), ({**mounted, "migrations": migrations}, "migrate-web-0")):
        rendered = render_values({"persistentVolumeClaims": claims, "deployments": {"web": web}})
        stage, body = find(rendered, "PersistentVolumeClaim", "data")
        assert (stage, is_kept(body)) == (expected, True)
        assert find(rendered, "PersistentVolumeClaim", "rest")[0] == "jobs"


def test_a_release_without_migrations_has_no_more_stages_than_it_fills() -> None:
    assert needs_of(release(web=app())) == {"app-web": ()}
    assert needs_of(release({"c": config(A="1")}, web=app(configs=["c"]))) == {"common": (), "app-web": ("common",)}


def test_only_jobs_that_are_waited_for_are_awaited_and_one_of_the_installation_is_made_once() -> None:
    job: Json = {"containers": {"main": {"image": "a", "imageTag": "1"}}, "ttlSecondsAfterFinished": 1}
    jobs = {"seed": job, "load": {**job, "wait": True}, "once": {**job, "when": JobWhen.INSTALL.value}}
    rendered = render_values({"deployments": {"web": app()}, "jobs": jobs})
    assert find(rendered, "Job", "seed")[0] == "jobs"
    once = find(rendered, "Job", "once")[1]
    assert once["metadata"]["name"] == "once"
    assert once["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/ssa"] == "IfNotPresent"
    assert all("ttlSecondsAfterFinished" not in body["spec"] for body in stages_of(rendered)["jobs"].bodies)
    *_, last = build_flux(rendered)[""]
    assert "wait" not in last["spec"]
    assert [check["name"] for check in last["spec"]["healthChecks"]] == [
        find(rendered, "Job", "load")[1]["metadata"]["name"]
    ]


def test_flux_waits_longer_than_a_job_may_run() -> None:
    web = app({"name": "one", "args": ["x"], "timeout": "30m"}, {"name": "two", "args": ["x"]})
    one, two, rollout = (body["spec"]["timeout"] for body in build_flux(release(web=web))[""])
    assert (one, two, rollout) == ("1860s", "3660s", "660s")


def test_the_folder_of_a_stage_has_another_name_when_another_stage_comes_before_it() -> None:
    def folders(*steps: str) -> dict[str, str]:
        files = build_flux(release({"c": config(A="1")}, web=app(*steps, configs=["c"])))
        return {folder.rpartition("-")[0]: folder for folder in files if folder}

    one, two = folders("one"), folders("one", "two")
    assert {name for name in one if one[name] != two[name]} == {"common", "app-web"}
    assert folders("other") == one


def test_kustomizations_of_all_namespaces_and_long_names_are_told_apart() -> None:
    rendered = release(**{f"{'w' * 60}-{end}": app() for end in "ab"})
    names = [body["metadata"]["name"] for body in build_flux(rendered)[""]]
    assert len(set(names)) == 2 and all(len(name) <= 63 and name.startswith("ns.demo-app-www") for name in names)


@pytest.mark.parametrize("path", [".", "./apps", "apps/"])
def test_paths_are_those_in_the_source(path: str) -> None:
    source = FluxSource(kind="Bucket", name="b", namespace="team", path=path)
    (body,) = build_flux(release(web=app()), source)[""]
    (folder, _) = build_flux(release(web=app()), source)
    assert body["spec"]["path"] == (f"./{folder}" if path == "." else f"./apps/{folder}")
    assert body["spec"]["sourceRef"] == {"kind": "Bucket", "name": "b"}
    assert body["metadata"]["namespace"] == "team"


def test_pods_without_an_account_of_their_own_name_that_which_they_have() -> None:
    rendered = release(web=app(), own={**app(), "autoCreateServiceAccount": True})
    for name, account in (("web", "default"), ("own", "own")):
        assert find(rendered, "Deployment", name)[1]["spec"]["template"]["spec"]["serviceAccountName"] == account
