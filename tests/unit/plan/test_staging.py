from ks_universal.plan.build import build_plan
from ks_universal.plan.records import State
from ks_universal.plan.steps import Migrate
from ks_universal.resources.objects import Rendered
from ks_universal.resources.references import read_references
from support.releases import app, config, release, secret


def migrate_step(rendered: Rendered) -> Migrate:
    (step,) = (step for step in build_plan(rendered, State()).steps if isinstance(step, Migrate))
    return step


def configs(host: str = "db", **more: object) -> dict[str, object]:
    return {"settings": {**config(HOST=host), **more}, "db": secret(PASSWORD="correct-horse")}


def test_a_migration_reads_immutable_copies_of_all_that_it_read() -> None:
    step = migrate_step(release(configs(), web=app("schema", configs=["settings"], secrets=["db"])))
    named = [name for kind, name in read_references(step.migration.body["spec"]["template"]["spec"])]
    assert named == [copy["metadata"]["name"] for copy in step.staged]
    assert [copy["kind"] for copy in step.staged] == ["ConfigMap", "Secret"]
    assert all(copy["immutable"] for copy in step.staged)
    assert all(name.startswith("web-migrations-schema-") for name in named)


def test_init_containers_and_volumes_are_staged_too() -> None:
    wait = {"name": "wait", "image": "a:1", "envFrom": [{"type": "configMap", "configName": "settings"}]}
    volume = {"name": "v", "projected": {"sources": [{"secret": {"name": "db"}}]}}
    mount = {"name": "v", "mountPath": "/v"}
    migration = {
        "name": "schema",
        "args": ["x"],
        "initContainers": [wait],
        "volumes": [volume],
        "volumeMounts": [mount],
    }
    step = migrate_step(release(configs(), web=app(migration)))
    pod = step.migration.body["spec"]["template"]["spec"]
    names = {copy["kind"]: copy["metadata"]["name"] for copy in step.staged}
    assert pod["initContainers"][0]["envFrom"][0]["configMapRef"]["name"] == names["ConfigMap"]
    assert pod["volumes"][0]["projected"]["sources"][0]["secret"]["name"] == names["Secret"]


def test_what_the_release_does_not_have_keeps_its_name() -> None:
    step = migrate_step(release(web=app("schema", configs=["from-elsewhere"])))
    assert step.staged == ()
    assert ("ConfigMap", "from-elsewhere") in read_references(step.migration.body["spec"]["template"]["spec"])


def test_equal_content_has_equal_names_and_digests_and_other_content_has_others() -> None:
    def build(host: str) -> Migrate:
        return migrate_step(release(configs(host), web=app("schema", configs=["settings"], secrets=["db"])))

    first, same, other = build("a"), build("a"), build("b")
    assert first == same
    assert first.digest != other.digest
    assert first.staged[0]["metadata"]["name"] != other.staged[0]["metadata"]["name"]
    assert first.staged[1]["metadata"]["name"] == other.staged[1]["metadata"]["name"]


def test_long_names_stay_within_what_kubernetes_takes() -> None:
    name = "s" * 250
    step = migrate_step(release({name: config(A="1")}, web=app("schema", configs=[name])))
    assert len(step.staged[0]["metadata"]["name"]) == 253


def test_the_application_itself_reads_the_originals() -> None:
    rendered = release(configs(), web=app("schema", configs=["settings"]))
    deployment = next(r.body for r in rendered.objects if r.body["kind"] == "Deployment")
    before = repr(deployment)
    build_plan(rendered, State())
    assert repr(deployment) == before
    assert ("ConfigMap", "settings") in read_references(deployment["spec"]["template"]["spec"])
