"""Rights come before whoever needs them, and go after whoever has used them."""

from datetime import UTC, datetime
from typing import Any

from ks_universal.plan.build import build_plan
from ks_universal.plan.fingerprints import fingerprint, is_same
from ks_universal.plan.records import Revision, State
from ks_universal.plan.release import Release
from ks_universal.plan.steps import Plan
from ks_universal.resources.objects import Rendered, object_ref
from support.releases import app, render_values

Json = dict[str, Any]
RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}


def needs(built: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in built.steps:
        found[step.id] = set(step.needs).union(*(found[need] for need in step.needs))
    return found


def release(**web: Any) -> Rendered:
    roles = {"keys": {"rules": [RULE], "bind": ["web"]}, "others": {"rules": [RULE], "bind": ["worker"]}}
    return render_values({"roles": roles, "deployments": {"web": app("one", autoCreateServiceAccount=True, **web)}})


def test_order_what_its_account_may_do_comes_before_a_migration_and_a_rollout() -> None:
    cluster = {"rules": [RULE], "clusterRules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]}
    built = needs(build_plan(release(rbac=cluster), State()))
    mine = {"ServiceAccount/web", "Role/keys", "RoleBinding/keys", "Role/web", "RoleBinding/web"}
    mine |= {"ClusterRole/ns:web", "ClusterRoleBinding/ns:web"}
    assert built["web/migrations/one"] == mine
    assert built["web/rollout"] == mine | {"web/migrations/one"}
    assert built["RoleBinding/keys"] == {"Role/keys"}


def test_a_binding_goes_after_the_pods_that_it_gives_rights_and_a_role_after_it() -> None:
    rendered = release()
    refs = tuple(object_ref(resource.body) for resource in rendered.objects)
    started = datetime(2026, 1, 1, tzinfo=UTC)
    before = Revision(number=1, release="demo", namespace="ns", by="x", started=started, objects=refs)
    state = State(objects={object_ref(r.body): r.body for r in rendered.objects}, revisions=(before,))
    built = needs(build_plan(Rendered("demo", "ns", (), ()), state))
    assert "delete Deployment/web" in built["delete RoleBinding/keys"]
    assert "delete RoleBinding/keys" in built["delete Role/keys"]
    assert "delete Deployment/web" not in built["delete RoleBinding/others"]


def test_a_changed_right_makes_no_migration_run() -> None:
    """It succeeded with those of before; but the values are others."""
    old, new = release(rbac={"rules": [RULE]}), release(rbac={"rules": [{**RULE, "verbs": ["get"]}]})
    first, second = (fingerprint(Release(each).apps["web"], Release(each)) for each in (old, new))
    assert first != second
    assert is_same(first, second)
