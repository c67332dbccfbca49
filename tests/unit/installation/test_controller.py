"""What installs the controller: as few rights as it can work with, and pods that any namespace takes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ks_universal import InputError, Installation, build_controller_manifests, build_release_account

Json = dict[str, Any]


def build(**given: Any) -> list[Json]:
    return list(build_controller_manifests(Installation(image="ksu:1", **given)))


def pick(objects: list[Json], kind: str) -> list[Json]:
    return [each for each in objects if each["kind"] == kind]


def list_rules(objects: list[Json], resource: str) -> list[Json]:
    roles = [each for each in objects if each["kind"] in ("Role", "ClusterRole")]
    of_controller = [role for role in roles if "rbac.authorization" not in str(role["metadata"]["labels"])]
    return [rule for role in of_controller for rule in role["rules"] if resource in rule["resources"]]


def test_with_namespaces_no_right_of_the_controller_holds_elsewhere() -> None:
    objects = build(watched=("team-a", "team-b"))
    assert pick(objects, "ClusterRoleBinding") == []
    places = {each["metadata"]["namespace"] for each in pick(objects, "RoleBinding")}
    assert places == {"ksu-system", "team-a", "team-b"}
    arguments = pick(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [each for each in arguments if each.startswith("--namespace")] == [
        "--namespace=team-a",
        "--namespace=team-b",
    ]


@pytest.mark.parametrize(("watched", "accounts"), [([], []), ([], ["deployer"]), (["a", "b"], ["deployer", "ci"])])
def test_the_controller_may_change_nothing_by_itself(watched: list[str], accounts: list[str]) -> None:
    objects = build(watched=tuple(watched), accounts=tuple(accounts))
    changed = {"releases", "releases/status", "releases/finalizers", "events", "leases", "serviceaccounts"}
    roles = [
        each for each in objects if each["metadata"]["name"].startswith("ks-universal-controller") and "rules" in each
    ]
    assert {resource for role in roles for rule in role["rules"] for resource in rule["resources"]} == changed
    (rule, *_) = list_rules(objects, "serviceaccounts")
    assert rule["verbs"] == ["impersonate"]
    assert rule.get("resourceNames", []) == accounts
    assert "secrets" not in json.dumps(roles)
    assert not any(
        "*" in rule[key] for role in roles for rule in role["rules"] for key in ("verbs", "resources", "apiGroups")
    )


def test_each_binding_names_a_role_that_is_there_and_the_account() -> None:
    for objects in (build(), build(watched=("a",)), list(build_release_account("team-a", "deployer"))):
        accounts = {
            (each["metadata"]["namespace"], each["metadata"]["name"]) for each in pick(objects, "ServiceAccount")
        }
        for binding in (*pick(objects, "RoleBinding"), *pick(objects, "ClusterRoleBinding")):
            assert any(
                (role["kind"], role["metadata"]["name"], role["metadata"].get("namespace"))
                == (binding["roleRef"]["kind"], binding["roleRef"]["name"], binding["metadata"].get("namespace"))
                for role in objects
            )
            assert {(each["namespace"], each["name"]) for each in binding["subjects"]} == accounts


def test_one_replica_needs_no_budget() -> None:
    assert pick(build(replicas=1), "PodDisruptionBudget") == []
    assert len(pick(build(), "PodDisruptionBudget")) == 1


def test_the_account_of_a_namespace_has_rights_there_and_nowhere_else() -> None:
    objects = build_release_account("team-a", "deployer")
    assert {each["metadata"]["namespace"] for each in objects} == {"team-a"}
    assert not any(each["kind"].startswith("Cluster") for each in objects)
    text = json.dumps(objects)
    assert "resourcequotas" not in text
    assert '"roles"' not in text


@pytest.mark.parametrize(
    "make",
    [
        lambda: build(namespace="A"),
        lambda: build(watched=("a.b",)),
        lambda: build(accounts=("-",)),
        lambda: build_release_account("team-a", "x" * 64),
    ],
)
def test_a_name_that_cannot_be_is_an_error(make: Callable[[], object]) -> None:
    with pytest.raises(InputError, match="name"):
        make()
