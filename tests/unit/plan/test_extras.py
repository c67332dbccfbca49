"""Extra objects in a plan: what makes configuration comes before migrations, the rest after them."""

from datetime import UTC, datetime
from typing import Any

from ks_universal.plan.build import build_plan
from ks_universal.plan.fingerprints import fingerprint, is_same, name_changes
from ks_universal.plan.records import Revision, State
from ks_universal.plan.release import Release
from ks_universal.plan.steps import Apply, Plan
from ks_universal.resources.objects import Rendered, object_ref
from support.releases import app, render_values

Json = dict[str, Any]
ESO = "external-secrets.io/v1"


def needs(built: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in built.steps:
        found[step.id] = set(step.needs).union(*(found[need] for need in step.needs))
    return found


def definition(kind: str, group: str = "example.com") -> Json:
    spec = {"group": group, "scope": "Cluster", "names": {"kind": kind, "plural": f"{kind.lower()}s"}}
    name = f"{kind.lower()}s.{group}"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": spec,
    }


def external(key: str = "db") -> Json:
    return {"apiVersion": ESO, "kind": "ExternalSecret", "spec": {"target": {"name": "db"}, "data": [{"key": key}]}}


def release(extra: Json, **more: Any) -> Rendered:
    web = app("one", secrets=["db"])
    return render_values({"extraObjects": extra, "deployments": {"web": web, **more}})


EXTRA = {
    "widgets": definition("Widget"),
    "gear": {"apiVersion": "example.com/v1", "kind": "Widget"},
    "vault": {"apiVersion": ESO, "kind": "SecretStore"},
    "db": external(),
    "notes": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
    "rules": {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"},
}
STORE, MAKER = "SecretStore.external-secrets.io/vault", "ExternalSecret.external-secrets.io/db"


def test_order_what_makes_a_secret_comes_before_the_migration_that_reads_it_and_the_rest_after_it() -> None:
    built = needs(build_plan(release(EXTRA), State()))
    assert built["web/migrations/one"] == {STORE, MAKER}
    assert built["web/rollout"] == {STORE, MAKER, "web/migrations/one"}
    assert built["PrometheusRule/rules"] == {STORE, MAKER, "web/migrations/one"}
    assert "CustomResourceDefinition/widgets.example.com" in built["Widget.example.com/gear"]
    assert built["ConfigMap/notes"] == set()


def test_extra_objects_are_followed_and_others_are_not() -> None:
    built = build_plan(release(EXTRA), State())
    followed = {step.id for step in built.steps if isinstance(step, Apply) and step.awaits_ready}
    assert followed == {step.id for step in built.steps if step.id.partition("/")[0] != "web"}


def test_order_pods_in_a_namespace_that_is_made_wait_for_it() -> None:
    extra = {"tools": {"apiVersion": "v1", "kind": "Namespace"}}
    built = needs(build_plan(release(extra, tool=app("one", namespace="tools")), State()))
    assert built["tool/migrations/one"] == {"Namespace/tools"}
    assert "Namespace/tools" in built["tool/rollout"]
    assert "Namespace/tools" not in built["web/migrations/one"]


def test_a_changed_maker_is_changed_configuration() -> None:
    """The migrations run again, and the pods that would not notice start anew."""
    old, new = release({"db": external()}), release({"db": external("other")})
    first, second = (fingerprint(Release(each).apps["web"], Release(each)) for each in (old, new))
    assert not is_same(first, second)
    assert name_changes(first, second) == "ExternalSecret.external-secrets.io/db changed (spec)"
    before, after = (each.workloads["web"].body["spec"]["template"] for each in (old, new))
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]


def test_nothing_orphaned_a_maker_goes_after_the_pods_that_read_what_it_makes_and_definitions_last() -> None:
    rendered = release(EXTRA)
    refs = tuple(object_ref(resource.body) for resource in rendered.objects)
    started = datetime(2026, 1, 1, tzinfo=UTC)
    before = Revision(number=1, release="demo", namespace="ns", by="x", started=started, objects=refs)
    state = State(objects={object_ref(r.body): r.body for r in rendered.objects}, revisions=(before,))
    built = needs(build_plan(Rendered("demo", "ns", (), ()), state))
    assert "delete Deployment/web" in built[f"delete {MAKER}"]
    assert "delete Deployment/web" not in built["delete PrometheusRule/rules"]
    assert "delete Widget.example.com/gear" in built["delete CustomResourceDefinition/widgets.example.com"]
