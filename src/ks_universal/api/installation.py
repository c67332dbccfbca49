"""What is applied to a cluster for the controller: itself, and the accounts by whose rights it acts."""

from ks_universal.api.values import check_name, check_namespace
from ks_universal.errors import InputError
from ks_universal.installation.controller import Installation, build_installation
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.preflight.rbac import build_team_role

_LONGEST_ACCOUNT = 63


def build_controller_manifests(installation: Installation) -> tuple[Json, ...]:
    """Build what installs the controller, in apply order. Raises InputError for names that cannot be.

    The CustomResourceDefinition of releases, the controller's namespace, Deployment, account and rights.
    """
    for namespace in (installation.namespace, *installation.watched):
        check_namespace(namespace)
    for account in installation.accounts:
        _check_account(account)
    return build_installation(installation)


def build_release_account(namespace: str, name: str) -> tuple[Json, ...]:
    """Build a ServiceAccount by whose rights releases of a namespace are carried out, there and nowhere else.

    It may make what values make, but for roles and quotas; `build_roles` gives it what certain values need besides.
    Raises InputError for names that cannot be.
    """
    check_namespace(namespace)
    _check_account(name)
    role = build_team_role(name, namespace)
    metadata = role["metadata"]
    group, _, _ = role["apiVersion"].partition("/")
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
        role,
        {
            "apiVersion": role["apiVersion"],
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": metadata["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    )


def _check_account(name: str) -> None:
    if problems := check_name("ServiceAccount", name, _LONGEST_ACCOUNT):
        raise InputError(problems)
