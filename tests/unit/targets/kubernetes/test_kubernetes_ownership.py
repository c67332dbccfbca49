from typing import Any

import pytest

from ks_universal.metadata_keys import RELEASE_NAMESPACE
from ks_universal.targets.kubernetes.objects import ownership
from ks_universal.targets.kubernetes.objects.ownership import Owner, belongs_to, find_foreign, is_as_applied

Json = dict[str, Any]
OURS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "shop"}

SHOP = Owner("shop", "home")


def mark(body: Json) -> Json:
    return ownership.mark(body, SHOP)


def config(labels: Json | None = None, **data: str) -> Json:
    metadata: Json = {"name": "c", "namespace": "home", **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def live(body: Json, **more: Any) -> Json:
    metadata = {**body["metadata"], "uid": "1", "resourceVersion": "2"}
    return {**body, "metadata": metadata, **more}


def test_what_was_applied_and_is_still_so_needs_no_request() -> None:
    assert is_as_applied(live(mark(config(a="1")), immutable=False), mark(config(a="1")))


@pytest.mark.parametrize("wanted", [config(a="2"), config(a="1", b="2"), config()])
def test_other_content_needs_a_request_also_where_it_only_lost_something(wanted: Json) -> None:
    assert not is_as_applied(live(mark(config(a="1"))), mark(wanted))


def test_what_somebody_edited_needs_a_request() -> None:
    edited = live(mark(config(a="1")), data={"a": "edited"})
    assert not is_as_applied(edited, mark(config(a="1")))


def test_what_is_being_deleted_needs_a_request() -> None:
    going = live(mark(config(a="1")))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not is_as_applied(going, mark(config(a="1")))


def test_lists_are_compared_element_by_element() -> None:
    wanted = mark({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"c": [{"a": 1}, {"b": {}}]}})
    assert is_as_applied(live(wanted, spec={"c": [{"a": 1, "default": 2}, {}]}), wanted)
    assert not is_as_applied(live(wanted, spec={"c": [{"a": 1}]}), wanted)


def test_an_object_of_the_release_is_not_foreign() -> None:
    assert find_foreign(live(config(OURS)), SHOP) is None
    assert find_foreign(None, SHOP) is None


@pytest.mark.parametrize(
    ("labels", "owner"),
    [
        ({**OURS, "app.kubernetes.io/instance": "other"}, "ks-universal for other"),
        ({**OURS, "app.kubernetes.io/managed-by": "Helm"}, "Helm for shop"),
        (None, "somebody"),
    ],
)
def test_another_owners_object_is_named_with_its_owner(labels: Json | None, owner: str) -> None:
    problem = find_foreign(live(config(labels)), SHOP)
    assert problem is not None
    assert problem.message == f"ConfigMap/c exists and was made by {owner}"


def elsewhere(body: Json) -> Json:
    return {**body, "metadata": {**body["metadata"], "namespace": "other"}}


def test_an_object_in_another_namespace_is_marked_with_its_releases_own() -> None:
    marked = mark(elsewhere(config(OURS)))
    assert marked["metadata"]["annotations"][RELEASE_NAMESPACE] == "home"
    assert belongs_to(marked, SHOP)
    assert RELEASE_NAMESPACE not in mark(config(OURS))["metadata"]["annotations"]


def test_what_is_in_no_namespace_says_whose_it_is() -> None:
    """Namesakes in two namespaces would else take each other's ClusterRole for their own."""
    role: Json = {"kind": "ClusterRole", "metadata": {"name": "r", "labels": OURS}}
    marked = mark(role)
    assert marked["metadata"]["annotations"][RELEASE_NAMESPACE] == "home"
    assert belongs_to(marked, SHOP)
    assert not belongs_to(marked, Owner("shop", "other"))
    assert not belongs_to(role, SHOP)


def test_what_a_namesake_has_in_its_own_namespace_is_foreign() -> None:
    problem = find_foreign(elsewhere(config(OURS)), SHOP)
    assert problem is not None
    assert problem.message == "ConfigMap/c in other exists and was made by ks-universal for shop"
    assert not belongs_to(mark(elsewhere(config(OURS))), Owner("shop", "other"))
