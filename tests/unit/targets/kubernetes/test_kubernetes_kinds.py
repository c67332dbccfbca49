from typing import Any

from ks_universal.targets.kubernetes.api.kinds import JOB, NAMESPACE, Kind, Kinds, read_discovery
from ks_universal.targets.kubernetes.objects.ownership import Owner
from ks_universal.targets.kubernetes.preflight.rbac import build_granted, build_role

Json = dict[str, Any]
CERTIFICATE = Kind("cert-manager.io/v1", "Certificate", "certificates")
DISCOVERY = {
    "items": [
        {
            "metadata": {"name": "cert-manager.io"},
            "versions": [
                {
                    "version": "v1",
                    "resources": [
                        {"resource": "certificates", "responseKind": {"kind": "Certificate"}, "scope": "Namespaced"},
                        {"resource": "nothing", "responseKind": {}, "scope": "Namespaced"},
                    ],
                }
            ],
        }
    ]
}


def test_a_kind_says_where_its_objects_are() -> None:
    assert JOB.path("n", "a", "status") == "/apis/batch/v1/namespaces/n/jobs/a/status"
    assert NAMESPACE.path("n", "a") == "/api/v1/namespaces/a"


def test_discovery_gives_the_kinds_that_are_no_usual_ones() -> None:
    kinds = Kinds()
    assert kinds.get("Certificate") is None
    kinds.add(read_discovery(DISCOVERY))
    assert kinds.get("Certificate", "cert-manager.io/v1") == CERTIFICATE
    assert kinds.get("Certificate", "cert-manager.io/v2") is None
    assert kinds.get("Job") is JOB


def test_of_a_name_in_several_groups_the_kind_is_the_one_that_a_release_can_have() -> None:
    kinds = Kinds()
    others = Kind("acm.services.k8s.aws/v1alpha1", "Certificate", "certificates")
    kinds.add((others, Kind("batch/v2", "Job", "jobs"), CERTIFICATE))
    assert kinds.get("Certificate") == CERTIFICATE
    assert kinds.get("Certificate", others.api_version) == others
    assert kinds.get("Job") is JOB


def test_the_role_has_the_kinds_of_the_release_and_no_wildcard() -> None:
    rules = build_role(Owner("shop", "n"), "n", [CERTIFICATE])["rules"]
    assert {
        "apiGroups": ["cert-manager.io"],
        "resources": ["certificates"],
        "verbs": ["create", "delete", "get", "list", "patch", "watch"],
    } in rules
    assert not any("*" in value for rule in rules for values in rule.values() for value in values)


RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


def test_what_controllers_of_others_make_is_watched() -> None:
    def find_verbs(*kinds: Kind) -> dict[str, set[str]]:
        rules = build_role(Owner("shop", "ns"), "ns", kinds)["rules"]
        return {plural: set(rule["verbs"]) for rule in rules for plural in rule["resources"]}

    made = find_verbs(CERTIFICATE)
    assert "watch" in made["certificates"] & made["secrets"] & made["configmaps"]
    assert "watch" not in find_verbs(JOB)["secrets"]


def of_rbac(kind: str, name: str, namespace: str = "", **body: Any) -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, **body}


def test_what_a_release_gives_is_in_a_role_of_its_own() -> None:
    owner, given = Owner("shop", "n"), of_rbac("Role", "web", "n", rules=[RULE])
    binding = of_rbac("RoleBinding", "web", "n", roleRef={"kind": "Role", "name": "web"})
    (role,) = build_granted(owner, "n", [given, of_rbac("Role", "other", "n", rules=[RULE]), binding])
    assert (role["kind"], role["metadata"]["name"], role["rules"]) == ("Role", "ks-universal-shop-granted", [RULE])
    assert build_granted(owner, "elsewhere", [given, binding]) == ()
    assert build_granted(owner, "", [given, binding]) == ()


def test_roles_of_others_are_bound_and_unknown_rules_need_escalation() -> None:
    aggregated = of_rbac("ClusterRole", "n:all", aggregationRule={})
    binding = of_rbac("ClusterRoleBinding", "b", roleRef={"kind": "ClusterRole", "name": "view"})
    (role,) = build_granted(Owner("shop", "n"), "", [aggregated, binding])
    assert (role["kind"], role["metadata"]["name"]) == ("ClusterRole", "ks-universal:n:shop:granted")
    assert [(rule["resourceNames"], rule["verbs"]) for rule in role["rules"]] == [
        (["n:all"], ["escalate"]),
        (["view"], ["bind"]),
    ]


def test_the_role_in_another_namespace_has_nothing_of_the_lock() -> None:
    rules = build_role(Owner("shop", "n"), "other", [CERTIFICATE])["rules"]
    assert not any("leases" in rule["resources"] for rule in rules)


def test_a_qualified_name_is_of_its_group_alone() -> None:
    kinds = Kinds()
    knative = Kind("serving.knative.dev/v1", "Service", "services")
    kinds.add((knative, Kind("serving.knative.dev/v1beta1", "Service", "services")))
    assert kinds.get("Service.serving.knative.dev") == knative
    found = kinds.get("Service")
    assert found is not None
    assert found.api_version == "v1"
