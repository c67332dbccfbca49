"""The checks of roles, rules and who has them."""

import pytest

from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

RULE = "{apiGroups: [''], resources: [pods], verbs: [get]}"
RBAC = f"rbac: {{rules: [{RULE}]}}"
MAIN = "containers: {main: {image: a, imageTag: '1'}}"


def find(text: str) -> list[tuple[str, str, int]]:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    found = parse_application(tree).problems
    return [(p.code, p.message, p.where.column if p.where else 0) for p in found]


def codes(text: str) -> list[str]:
    return [code for code, _, _ in find(text)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("roles: {r: {}}", "values/missing-key"),
        (f"roles: {{r: {{rules: [{RULE}], bind: [nobody]}}}}", "references/unknown-account"),
        (f"roles: {{r: {{rules: [{RULE}], bind: ['a:b:c']}}}}", "names/invalid"),
        (f"roles: {{r: {{rules: [{RULE}], subjects: [{{kind: Account, name: x}}]}}}}", "values/unknown-value"),
        (f"roles: {{r: {{rules: [{RULE}], subjects: [{{kind: ServiceAccount, name: x}}]}}}}", "values/missing-key"),
        ("roles: {r: {rules: [{apiGroups: [''], resources: [pods]}]}}", "values/missing-key"),
        ("roles: {r: {rules: [{apiGroups: [''], verbs: [get]}]}}", "values/missing-key"),
        ("roles: {r: {rules: [{resources: [pods], verbs: [get]}]}}", "values/missing-key"),
        ("roles: {r: {rules: [{apiGroups: [''], resources: [pods], verbs: []}]}}", "values/missing-key"),
        ("roles: {r: {rules: [{nonResourceURLs: [/m], verbs: [get]}]}}", "values/contradiction"),
        ("clusterRoles: {r: {rules: [{nonResourceURLs: [/m], resources: [pods], verbs: [get]}]}}",
         "values/contradiction"),
        (f"clusterRoles: {{r: {{aggregationRule: {{}}, rules: [{RULE}]}}}}", "values/contradiction"),
        ("serviceAccounts: {a: {rbac: {}}}", "values/missing-key"),
        (f"deployments: {{web: {{{RBAC}, {MAIN}}}}}", "values/contradiction"),
        (f"jobs: {{seed: {{{RBAC}, {MAIN}}}}}", "values/contradiction"),
        (f"deployments: {{web: {{{MAIN}, migrations: {{enabled: true, args: [up], {RBAC}}}}}}}",
         "values/contradiction"),
        (f"roles: {{web: {{rules: [{RULE}]}}}}\n"
         f"deployments: {{web: {{autoCreateServiceAccount: true, {RBAC}, {MAIN}}}}}", "names/duplicate"),
        (f"serviceAccounts: {{web-migrations: {{{RBAC}}}}}\ndeployments: {{web: {{autoCreateServiceAccount: true, "
         f"{MAIN}, migrations: {{enabled: true, args: [up], {RBAC}}}}}}}", "names/duplicate"),
    ],
)  # fmt: skip
def test_what_kubernetes_would_refuse_or_nobody_can_mean_is_found(text: str, code: str) -> None:
    assert codes(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "clusterRoles: {r: {rules: [{nonResourceURLs: [/m], verbs: [get]}], bind: ['other:any', default]}}",
        f"serviceAccounts: {{a: {{}}}}\nroles: {{r: {{rules: [{RULE}], bind: [a]}}}}",
        f"deployments: {{web: {{serviceAccountName: theirs, {RBAC}, {MAIN}}}}}",
        f"generic: {{serviceAccountName: all}}\njobs: {{seed: {{{RBAC}, {MAIN}}}}}",
        f"deployments: {{web: {{{MAIN}, migrations: {{enabled: true, args: [up], serviceAccount: m, {RBAC}}}}}}}",
        f"roles: {{web: {{namespace: other, rules: [{RULE}]}}}}\n"
        f"deployments: {{web: {{autoCreateServiceAccount: true, {RBAC}, {MAIN}}}}}",
    ],
)
def test_what_kubernetes_takes_has_no_finding(text: str) -> None:
    assert codes(text) == []


def test_a_misspelled_account_is_named_with_the_one_that_is_meant() -> None:
    text = f"serviceAccounts: {{migrator: {{}}}}\nroles: {{r: {{rules: [{RULE}], bind: [migratr]}}}}"
    tree, _ = parse_yaml(text, "values.yaml")
    (problem,) = parse_application(tree).problems
    assert problem.hint == "did you mean 'migrator'?"
