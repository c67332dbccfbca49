"""The order that each flavour promises, on one release that has everything."""

from collections.abc import Callable

import pytest

from ks_universal.json_types import Json
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import WORKLOAD_KINDS, object_ref, read_template
from ks_universal.resources.references import read_references
from ks_universal.values.parse import parse_yaml
from support.releases import app, render_values

VALUES = """
configs:
  settings: {type: configMap, data: {TEXT: "{{ braces }}"}}
  secrets: {type: secret, data: {B: b}}
  master-key: {type: secret, data: {K: k}, annotations: {ks-universal.io/resource-policy: keep}}
persistentVolumeClaims:
  data: {accessModes: [ReadWriteOnce], size: 1Gi}
  rest: {accessModes: [ReadWriteOnce], size: 1Gi}
deployments:
  app:
    autoCreateServiceAccount: true
    autoCreateService: true
    volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
    migrations:
      enabled: true
      dependsOn: [db]
      networkPolicy: {egress: []}
      steps: [{name: two, args: [a]}, {name: one, args: [b]}, {name: late, args: [c], phase: post}]
    containers:
      main:
        image: app
        imageTag: v1
        ports: {http: {containerPort: 80}}
        envFrom: [{type: configMap, configName: settings}, {type: secret, configName: secrets}]
        volumeMounts: [{name: data, mountPath: /data}]
  db:
    containers: {main: {image: db, imageTag: v1}}
  worker:
    containers: {main: {image: app, imageTag: v1}}
  docs:
    waitForMigrations: false
    containers: {main: {image: docs, imageTag: v1}}
  proxy:
    waitForMigrations: false
    dependsOn: [worker]
    containers: {main: {image: proxy, imageTag: v1}}
"""


@pytest.fixture
def flavored() -> Callable[[Flavor], tuple[Json, ...]]:
    parsed = parse_application(parse_yaml(VALUES, "values.yaml")[0])
    assert parsed.application is not None
    rendered = build_objects(parsed.application, "demo", "")
    return lambda flavor: flavor_objects(rendered, flavor)


Flavored = Callable[[Flavor], tuple[Json, ...]]


def annotation(body: Json, name: str) -> str:
    return str(body["metadata"].get("annotations", {}).get(name, ""))


def jobs_of(bodies: tuple[Json, ...]) -> list[Json]:
    return [body for body in bodies if body["kind"] == "Job"]


def needs_of(job: Json, bodies: tuple[Json, ...]) -> list[Json]:
    used = set(read_references(job["spec"]["template"]["spec"]))
    needed = [body for body in bodies if (body["kind"], body["metadata"]["name"]) in used]
    assert len(needed) == len(used) == 4
    return needed


def test_plain_manifests_follow_the_dependencies_and_have_no_hooks(flavored: Flavored) -> None:
    bodies = flavored(Flavor.PLAIN)
    order = [str(object_ref(body)) for body in bodies]
    followed = [name.removesuffix(f"-{order[-1][-8:]}") for name in order if name.startswith(("Deployment/", "Job/"))]
    assert followed == [
        "Deployment/db",
        "Job/app-migrations-two",
        "Job/app-migrations-one",
        "Deployment/docs",
        "Deployment/app",
        "Deployment/worker",
        "Deployment/proxy",
        "Job/app-migrations-late",
    ]
    assert not any("hook" in name for body in bodies for name in body["metadata"].get("annotations", {}))


def test_helm_runs_what_a_migration_needs_before_it_and_accounts_first(flavored: Flavored) -> None:
    bodies = flavored(Flavor.HELM)
    first, second, late = jobs_of(bodies)
    weights = [int(annotation(job, "helm.sh/hook-weight")) for job in (first, second)]
    assert weights == sorted(set(weights))
    for needed in needs_of(first, bodies):
        assert annotation(needed, "helm.sh/hook").startswith("pre-install")
        assert int(annotation(needed, "helm.sh/hook-weight")) < weights[0]
    by_kind = {body["kind"]: int(annotation(body, "helm.sh/hook-weight")) for body in needs_of(first, bodies)}
    assert by_kind["ServiceAccount"] < min(by_kind["ConfigMap"], by_kind["Secret"], by_kind["PersistentVolumeClaim"])
    assert annotation(late, "helm.sh/hook") == "post-install,post-upgrade"


def test_helm_never_deletes_what_running_pods_use(flavored: Flavored) -> None:
    bodies = flavored(Flavor.HELM)
    (deployment,) = (b for b in bodies if b["kind"] == "Deployment" and b["metadata"]["name"] == "app")
    for needed in needs_of(deployment, bodies):
        policy = annotation(needed, "helm.sh/hook-delete-policy")
        assert policy == ("hook-failed" if needed["kind"] == "PersistentVolumeClaim" else "")
    claims = [body for body in bodies if body["kind"] == "PersistentVolumeClaim"]
    assert [annotation(claim, "helm.sh/resource-policy") for claim in claims] == ["keep", "keep"]


def test_what_is_to_be_kept_is_so_in_the_words_of_each_tool(flavored: Flavored) -> None:
    def find(flavor: Flavor, name: str) -> Json:
        return next(body for body in flavored(flavor) if body["metadata"]["name"] == name)

    assert annotation(find(Flavor.HELM, "master-key"), "helm.sh/resource-policy") == "keep"
    for name in ("master-key", "data", "rest"):
        options = annotation(find(Flavor.ARGOCD, name), "argocd.argoproj.io/sync-options")
        assert options == "Prune=false,Delete=false"
    assert annotation(find(Flavor.ARGOCD, "secrets"), "argocd.argoproj.io/sync-options") == "PruneLast=true"


def test_sync_options_that_are_written_stay() -> None:
    written = "{argocd.argoproj.io/sync-options: ServerSideApply=true, helm.sh/resource-policy: keep}"
    values = f"configs: {{a: {{type: secret, data: {{B: b}}, annotations: {written}}}}}"
    parsed = parse_application(parse_yaml(values, "values.yaml")[0])
    assert parsed.application is not None
    (body,) = flavor_objects(build_objects(parsed.application, "demo", ""), Flavor.ARGOCD)
    options = annotation(body, "argocd.argoproj.io/sync-options")
    assert options == "ServerSideApply=true,Prune=false,Delete=false"


def test_helm_does_not_take_braces_for_a_template(flavored: Flavored) -> None:
    texts = [body["data"]["TEXT"] for body in flavored(Flavor.HELM) if body["kind"] == "ConfigMap"]
    assert texts == ["{{`{{`}} braces }}"] * 2


def waves_of(bodies: tuple[Json, ...]) -> dict[str, int]:
    return {str(object_ref(body)): int(annotation(body, "argocd.argoproj.io/sync-wave")) for body in bodies}


def test_argocd_changes_what_waits_for_migrations_behind_them(flavored: Flavored) -> None:
    bodies = flavored(Flavor.ARGOCD)
    waves = waves_of(bodies)
    assert list(waves.values()) == sorted(waves.values())
    order = ["ServiceAccount/app", "ConfigMap/settings-migrations", "Deployment/db", "Job/app-migrations-two"]
    order += ["Job/app-migrations-one", "Deployment/app", "Job/app-migrations-late"]
    assert [waves[name] for name in order] == sorted({waves[name] for name in order})
    assert waves["ConfigMap/settings"] == waves["Secret/secrets"] == waves["Service/app"] == waves["Deployment/app"]
    assert waves["Secret/secrets-migrations"] == waves["ConfigMap/settings-migrations"]
    assert waves["Deployment/worker"] == waves["Deployment/app"]
    assert waves["Deployment/docs"] == waves["Deployment/db"]
    assert waves["Deployment/proxy"] > waves["Deployment/worker"]


def test_argocd_keeps_the_jobs_of_migrations_and_not_the_copies_that_they_read(flavored: Flavored) -> None:
    hooks = [body for body in flavored(Flavor.ARGOCD) if annotation(body, "argocd.argoproj.io/hook")]
    assert {annotation(body, "argocd.argoproj.io/hook") for body in hooks} == {"Sync"}
    policies = {str(object_ref(b)): annotation(b, "argocd.argoproj.io/hook-delete-policy") for b in hooks}
    gone = "BeforeHookCreation,HookSucceeded,HookFailed"
    assert policies.pop("ConfigMap/settings-migrations") == policies.pop("Secret/secrets-migrations") == gone
    assert set(policies) == {"Job/app-migrations-two", "Job/app-migrations-one", "Job/app-migrations-late"}
    assert set(policies.values()) == {"BeforeHookCreation"}


def test_argocd_removes_nothing_before_the_migrations_have_succeeded(flavored: Flavored) -> None:
    for body in flavored(Flavor.ARGOCD):
        if not annotation(body, "argocd.argoproj.io/hook"):
            options = annotation(body, "argocd.argoproj.io/sync-options").split(",")
            assert "PruneLast=true" in options or "Prune=false" in options


@pytest.mark.parametrize("flavor", [Flavor.HELM, Flavor.ARGOCD, Flavor.FLUX])
def test_where_tools_remove_an_account_pods_name_the_default_one(flavor: Flavor) -> None:
    job = {"containers": {"main": {"image": "a", "imageTag": "1"}}}
    rendered = render_values(
        {
            "deployments": {"web": {**app(), "autoCreateServiceAccount": True}, "docs": app()},
            "statefulSets": {"db": app()},
            "cronJobs": {"nightly": {**job, "schedule": "0 0 * * *"}},
            "jobs": {"seed": job},
        }
    )
    named = {
        body["metadata"]["labels"]["app.kubernetes.io/name"]: read_template(body)["spec"].get("serviceAccountName")
        for body in flavor_objects(rendered, flavor)
        if body["kind"] in WORKLOAD_KINDS
    }
    assert named == {"web": "web", "docs": "default", "db": "default", "nightly": "default", "seed": None}


def test_argocd_sees_that_a_migration_has_changed() -> None:
    def mark(step: str) -> tuple[Json, str]:
        rendered = render_values({"deployments": {"web": app(step), "docs": app()}})
        web = next(b for b in flavor_objects(rendered, Flavor.ARGOCD) if str(object_ref(b)) == "Deployment/web")
        return web["spec"]["template"], annotation(web, "ks-universal.io/migrations-digest")

    (pod, one), (same, again), (other_pod, other) = mark("one"), mark("one"), mark("other")
    assert one == again != other
    assert pod == same == other_pod


SHARED = """
configs:
  shared: {type: configMap, data: {A: a}}
  pulled: {type: secret, secretType: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "{}"}}
  shared-migrations: {type: configMap, data: {B: b}}
  nightly: {type: configMap, data: {C: c}}
  vault: {type: secret, data: {T: t}, annotations: {reflector: "yes"}}
generic: {extraImagePullSecrets: [{name: pulled}]}
deployments:
  web:
    autoCreateServiceAccount: true
    migrations: {enabled: true, args: [up]}
    containers:
      main:
        image: web
        imageTag: v1
        envFrom:
          - {type: configMap, configName: shared}
          - {type: configMap, configName: shared-migrations}
          - {type: secret, configName: vault}
  docs:
    waitForMigrations: false
    containers: {main: {image: docs, imageTag: v1, envFrom: [{type: configMap, configName: shared}]}}
  free:
    waitForMigrations: false
    containers: {main: {image: free, imageTag: v1}}
cronJobs:
  nightly:
    schedule: "0 0 * * *"
    containers: {main: {image: docs, imageTag: v1, envFrom: [{type: configMap, configName: nightly}]}}
"""


@pytest.fixture
def shared() -> Callable[[Flavor], tuple[Json, ...]]:
    parsed = parse_application(parse_yaml(SHARED, "values.yaml")[0])
    assert parsed.application is not None
    rendered = build_objects(parsed.application, "demo", "ns")
    return lambda flavor: flavor_objects(rendered, flavor)


def test_argocd_has_all_wait_that_share_configuration_with_one_that_waits(shared: Flavored) -> None:
    waves = waves_of(shared(Flavor.ARGOCD))
    assert waves["Deployment/free"] == waves["Job/web-migrations"] == 1
    assert waves["ConfigMap/shared"] == waves["Deployment/docs"] == waves["Deployment/web"] == 2
    assert waves["ConfigMap/nightly"] == waves["CronJob/nightly"] == 2
    assert waves["Secret/pulled"] == -1


@pytest.mark.parametrize("flavor", [Flavor.HELM, Flavor.ARGOCD])
def test_copies_have_names_of_their_own_and_no_annotations_of_others(shared: Flavored, flavor: Flavor) -> None:
    bodies = {str(object_ref(body)): body for body in shared(flavor)}
    pod = bodies["Job/web-migrations"]["spec"]["template"]["spec"]
    read = [next(iter(each.values()))["name"] for each in pod["containers"][0]["envFrom"]]
    assert read == ["shared-migrations-2", "shared-migrations-migrations", "vault-migrations"]
    assert bodies["ConfigMap/shared-migrations-2"]["data"] == {"A": "a"}
    assert annotation(bodies["Secret/vault"], "reflector") == "yes"
    assert annotation(bodies["Secret/vault-migrations"], "reflector") == ""


def test_the_copy_of_an_account_pulls_with_a_copy_in_helms_hooks(shared: Flavored) -> None:
    bodies = {str(object_ref(body)): body for body in shared(Flavor.HELM)}
    assert bodies["ServiceAccount/web-migrations"]["imagePullSecrets"] == [{"name": "pulled-migrations"}]
    assert annotation(bodies["Secret/pulled-migrations"], "helm.sh/hook") == "pre-install,pre-upgrade"


def test_argocd_does_not_wait_for_a_claim_that_waits_for_its_first_pod(flavored: Flavored) -> None:
    waves = {str(object_ref(b)): annotation(b, "argocd.argoproj.io/sync-wave") for b in flavored(Flavor.ARGOCD)}
    assert waves["PersistentVolumeClaim/data"] == waves["Job/app-migrations-two"]
