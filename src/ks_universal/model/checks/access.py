"""Who may do what: rules that Kubernetes takes, accounts that are there, and roles that nothing else is called like."""

from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_settings, each_workload
from ks_universal.model.format.access import ClusterRole, Rbac, Role, read_account
from ks_universal.model.format.application import Application
from ks_universal.model.format.extra import list_names
from ks_universal.model.format.workloads import PodSettings
from ks_universal.model.kubernetes import names
from ks_universal.values.nodes import Path, format_path

_SUBJECTS = ("Group", "ServiceAccount", "User")
_OWN_ACCOUNT = "add 'autoCreateServiceAccount: true', or name one with 'serviceAccountName'"
_DEFAULT = "would give it to the account 'default', which all pods have that name none"


def check_access(application: Application, report: Report) -> None:
    """Check roles, their rules and who has them."""
    known = set(_list_accounts(application))
    for section, roles in (("roles", application.roles), ("clusterRoles", application.cluster_roles)):
        for name, role in roles.items():
            _check_role((section, name), role, known, report)
    for path, rbac in _each_rbac(application):
        if not rbac.rules and not rbac.cluster_rules:
            report.missing(path, "rules")
        for key, rules in (("rules", rbac.rules), ("clusterRules", rbac.cluster_rules)):
            _check_rules((*path, key), rules, report, is_cluster_wide=key == "clusterRules")
    _check_accounts(application, report)
    _check_duplicates(application, report)


def _each_rbac(application: Application) -> Iterator[tuple[Path, Rbac]]:
    written = [
        *((("serviceAccounts", name), account.rbac) for name, account in application.service_accounts.items()),
        *((path, workload.rbac) for path, workload in each_workload(application)),
        *((place.path, place.settings.rbac) for place in each_settings(application)),
    ]
    yield from (((*path, "rbac"), rbac) for path, rbac in written if rbac is not None)


def _check_role(path: Path, role: Role | ClusterRole, known: set[str], report: Report) -> None:
    if isinstance(role, ClusterRole) and role.aggregation_rule is not None:
        if role.rules:
            clause = "is what Kubernetes writes itself for a role with an 'aggregationRule'"
            report.error("values/contradiction", (*path, "rules"), clause, "keep one of them", key=True)
    elif not role.rules:
        report.missing(path, "rules")
    _check_rules((*path, "rules"), role.rules, report, is_cluster_wide=isinstance(role, ClusterRole))
    for index, written in enumerate(role.bind):
        namespace, name = read_account(written)
        place = (*path, "bind", index)
        if not names.is_dns_subdomain(name) or (namespace is not None and not names.is_dns_label(namespace)):
            hint = "it takes NAME, or NAMESPACE:NAME"
            report.error("names/invalid", place, "is no name that Kubernetes takes for a ServiceAccount", hint)
        elif namespace is None and name not in known:
            near = report.suggest(name, known) or ""
            hint = (
                near
                if near.startswith("did")
                else "it must exist where the release runs, or add it to 'serviceAccounts'"
            )
            clause = f"names the ServiceAccount '{name}', which these values do not contain"
            report.warn("references/unknown-account", place, clause, hint)
    for index, subject in enumerate(role.subjects):
        _check_subject((*path, "subjects", index), subject, report)


def _check_subject(path: Path, subject: Json, report: Report) -> None:
    kind = subject.get("kind", "")
    if kind and kind not in _SUBJECTS:
        report.error("values/unknown-value", (*path, "kind"), f"must be {', '.join(_SUBJECTS[:2])} or {_SUBJECTS[2]}")
    if kind == "ServiceAccount" and not subject.get("namespace"):
        report.missing(path, "namespace", "or write it under 'bind', which is of the same namespace without one")


def _check_rules(path: Path, rules: tuple[Json, ...], report: Report, *, is_cluster_wide: bool) -> None:
    for index, rule in enumerate(rules):
        below = (*path, index)
        if "verbs" in rule and not rule["verbs"]:
            report.error(
                "values/missing-key", (*below, "verbs"), "allows nothing: it is empty", "such as [get, list, watch]"
            )
        if rule.get("nonResourceURLs"):
            if not is_cluster_wide:
                clause = "is not for a Role: such paths are in no namespace"
                hint = "write the rule under 'clusterRules' or 'clusterRoles'"
                report.error("values/contradiction", (*below, "nonResourceURLs"), clause, hint, key=True)
            elif rule.get("resources") or rule.get("apiGroups"):
                clause = "cannot be said together with 'resources'"
                report.error(
                    "values/contradiction", (*below, "nonResourceURLs"), clause, "make two rules of it", key=True
                )
            continue
        if not rule.get("resources"):
            report.missing(below, "resources", "such as [configmaps]")
        if not rule.get("apiGroups"):
            report.missing(below, "apiGroups", "[''] is the group of Pods, Secrets, ConfigMaps and Services")


def _check_accounts(application: Application, report: Report) -> None:
    """Check that what is granted beside a workload is granted to an account of its own."""
    for path, workload in each_workload(application):
        if workload.rbac is not None and not _has_account(application, workload):
            report.error("values/contradiction", (*path, "rbac"), _DEFAULT, _OWN_ACCOUNT, key=True)
    for name, workload in application.workloads.items():
        path = (*application.find_path(name), "migrations")
        for index, step in enumerate(workload.migrations.effective_steps):
            if step.rbac is None or step.service_account or _has_account(application, workload):
                continue
            own = bool(workload.migrations.steps) and workload.migrations.steps[index].rbac is not None
            place = (*path, "steps", index) if own else path
            hint = "name an account with 'serviceAccount', such as one of 'serviceAccounts'"
            report.error("values/contradiction", (*place, "rbac"), _DEFAULT, hint, key=True)


def _has_account(application: Application, workload: PodSettings) -> bool:
    settings = workload.service_account_config if workload.auto_create_service_account else workload.service_account
    named = workload.service_account_name or application.generic.service_account_name
    return bool(named) or (settings is not None and bool(settings.create or settings.name))


def _list_accounts(application: Application) -> Iterator[str]:
    """List the accounts that the values make, and those that pods are said to have."""
    yield from ("default", *application.service_accounts)
    yield from list_names(application.extra_objects, "ServiceAccount")
    if application.generic.service_account_name:
        yield application.generic.service_account_name
    for path, workload in each_workload(application):
        settings = workload.service_account_config if workload.auto_create_service_account else workload.service_account
        names_of = (workload.service_account_name, settings and settings.name, settings and settings.create and path[1])
        yield from (str(name) for name in names_of if name)
    for place in each_settings(application):
        if place.settings.service_account:
            yield place.settings.service_account


def _check_duplicates(application: Application, report: Report) -> None:
    """Check that no two places make a role of one name."""
    made: dict[tuple[bool, str | None, str], Path] = {}
    for is_cluster_wide, namespace, name, path in _each_role(application):
        first = made.setdefault((is_cluster_wide, namespace, name), path)
        if first != path:
            kind = "ClusterRole" if is_cluster_wide else "Role"
            clause = f"makes the {kind} '{name}', and so does {format_path(first)}"
            report.error("names/duplicate", path, clause, "give one of them another name", key=True)


def _each_role(application: Application) -> Iterator[tuple[bool, str | None, str, Path]]:
    """Walk (is it a ClusterRole, namespace, name, where it is written)."""
    for name, role in application.roles.items():
        yield False, role.namespace, name, ("roles", name)
    for name in application.cluster_roles:
        yield True, None, name, ("clusterRoles", name)
    for name, account in application.service_accounts.items():
        yield from _each_of_rbac(account.rbac, account.namespace, name, ("serviceAccounts", name))
    for path, workload in each_workload(application):
        yield from _each_of_rbac(workload.rbac, workload.namespace, str(path[1]), path)
    for owner, workload in application.workloads.items():
        path = (*application.find_path(owner), "migrations")
        for index, step in enumerate(workload.migrations.effective_steps):
            place = (*path, "steps", index) if workload.migrations.steps else path
            name = names.job_name(owner, step.name)
            yield from _each_of_rbac(step.rbac, workload.namespace, name, place)


def _each_of_rbac(
    rbac: Rbac | None, namespace: str | None, name: str, path: Path
) -> Iterator[tuple[bool, str | None, str, Path]]:
    if rbac is not None:
        if rbac.rules:
            yield False, namespace, name, (*path, "rbac")
        if rbac.cluster_rules:
            yield True, namespace, name, (*path, "rbac")
