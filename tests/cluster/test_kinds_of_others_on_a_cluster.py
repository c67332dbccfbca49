"""Kinds of other projects, on a cluster with their real definitions: no controller answers, the API server judges."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ks_universal.api.values import load, render
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, Kind
from ks_universal.targets.kubernetes.objects.ownership import Owner, contains, is_as_applied, mark
from support.cluster_definitions import (
    CERTIFICATE,
    DEX_AUTHENTICATOR,
    HTTP_ROUTE,
    KINDS,
    SERVICE_MONITOR,
    define,
    installed,
    read_definitions,
)
from support.cluster_release import RELEASE, api
from support.deploying import get, items, write
from support.shell import Invoke, Outcome

pytestmark = pytest.mark.alone

Json = dict[str, Any]
GOLDENS = Path(__file__).parents[1] / "golden" / "template"
PORTS = "{http: {containerPort: 8080}, http-metrics: {containerPort: 9090}}"
APP = f"""
deployments:
  my-app:
    replicas: 0
    autoCreateService: true
    containers: {{main: {{image: busybox, imageTag: local, ports: {PORTS}}}}}
"""
VALUES = f"""{APP}
    autoCreateCertificate: true
    certificate: {{clusterIssuer: letsencrypt, privateKey: {{algorithm: ECDSA, size: 256}}}}
    autoCreateServiceMonitor: true
    serviceMonitor: {{interval: 30s, metricRelabelings: [{{action: drop, regex: go_.*, sourceLabels: [__name__]}}]}}
    autoCreateHttpRoute: true
    httpRoute:
      hostnames: [{{subdomain: api}}]
      rules: [{{backendRefs: [{{weight: 90}}, {{name: next, port: 80, weight: 0}}]}}]
generic:
  ingressesGeneral: {{domain: example.org}}
  httpRoutesGeneral: {{parentRefs: [{{name: edge, namespace: gateways}}]}}
  dexAuthenticatorGeneral:
    enabled: true
    name: portal
    applicationDomain: portal.example.org
    applicationIngressClassName: nginx
    autoCreateCertificate: true
httpRoutes:
  redirect:
    hostnames: [{{host: example.org}}]
    rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{scheme: https, statusCode: 301}}}}]}}]
dexAuthenticators:
  login:
    applicationDomain: login.example.org
    applicationIngressClassName: nginx
    keepUsersLoggedInFor: 2h30m
    allowedGroups: [admins]
    resources: {{limits: {{cpu: 0.5}}}}
    additionalApplications: [{{domain: b.example.org, gatewayAPI: {{httpRouteListenerSetName: edge}}}}]
"""
SPECS: dict[tuple[Kind, str], Json] = {
    (CERTIFICATE, "my-app"): {
        "secretName": "my-app-tls",
        "dnsNames": ["api.example.org"],
        "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"},
        "privateKey": {"algorithm": "ECDSA", "size": 256},
    },
    (CERTIFICATE, "portal"): {"secretName": "portal-tls", "dnsNames": ["portal.example.org"]},
    (SERVICE_MONITOR, "my-app"): {
        "endpoints": [
            {
                "port": "http-metrics",
                "interval": "30s",
                "metricRelabelings": [{"action": "drop", "regex": "go_.*", "sourceLabels": ["__name__"]}],
            }
        ],
    },
    (HTTP_ROUTE, "my-app"): {
        "hostnames": ["api.example.org"],
        "parentRefs": [{"name": "edge", "namespace": "gateways"}],
        "rules": [
            {
                "backendRefs": [
                    {"name": "my-app", "port": 8080, "weight": 90},
                    {"name": "next", "port": 80, "weight": 0},
                ]
            }
        ],
    },
    (HTTP_ROUTE, "redirect"): {
        "rules": [
            {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}]}
        ],
    },
    (DEX_AUTHENTICATOR, "portal"): {
        "applicationDomain": "portal.example.org",
        "applicationIngressCertificateSecretName": "portal-tls",
    },
    (DEX_AUTHENTICATOR, "login"): {
        "keepUsersLoggedInFor": "2h30m",
        "allowedGroups": ["admins"],
        "resources": {"limits": {"cpu": "0.5"}},
        "additionalApplications": [
            {"domain": "b.example.org", "gatewayAPI": {"httpRouteListenerSetName": "edge"}},
        ],
    },
}
CHANGES = {
    "clusterIssuer: letsencrypt": "clusterIssuer: internal",
    "interval: 30s": "interval: 15s",
    "weight: 90": "weight: 10",
    "keepUsersLoggedInFor: 2h30m": "keepUsersLoggedInFor: 24h",
}


@pytest.fixture(scope="module", autouse=True)
def definitions(kubeconfig: str) -> Iterator[None]:
    """The cluster knows the kinds while these tests run."""
    assert kubeconfig
    with installed(read_definitions()):
        yield


def call(ksu: Invoke, command: str, values: str, folder: Path) -> Outcome:
    return ksu(command, RELEASE, "-f", write(folder, values))


def change(values: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in values
        values = values.replace(old, new)
    return values


def read_all(namespace: str) -> dict[tuple[Kind, str], Json]:
    return {(kind, body["metadata"]["name"]): body for kind in KINDS.values() for body in items(namespace, kind)}


def read_goldens() -> Iterator[tuple[str, Json]]:
    for file in sorted(GOLDENS.glob("*/expected*.yaml")):
        for body in yaml.safe_load_all(file.read_text()):
            if body["kind"] in KINDS:
                yield f"{file.parent.name}/{file.name}", body


async def try_strictly(namespace: str, bodies: list[tuple[str, Json]]) -> tuple[set[str], list[str]]:
    """Create objects without effect in a namespace; say which kinds were tried, and what was refused."""
    refused = []
    async with api(namespace) as client:
        for source, body in bodies:
            metadata = {**body["metadata"], "namespace": namespace}
            parameters = {"dryRun": "All", "fieldValidation": "Strict"}
            path = KINDS[body["kind"]].path(namespace)
            try:
                await client.request(
                    "POST", path, body={**body, "metadata": metadata}, parameters=parameters, what=source
                )
            except ApiError as error:
                refused.append(str(error))
    return {body["kind"] for _, body in bodies}, refused


def test_objects_are_made_as_plan_shows_with_the_fields_that_are_written(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    planned = call(ksu, "plan", VALUES, tmp_path)
    assert planned.status == 0
    for kind, name in SPECS:
        assert f"+ {kind.kind}/{name}" in planned.out
    assert read_all(namespace) == {}
    assert call(ksu, "deploy", VALUES, tmp_path).status == 0
    live = read_all(namespace)
    assert live.keys() == SPECS.keys()
    assert [key for key, spec in SPECS.items() if not contains(live[key]["spec"], spec)] == []


def test_a_second_deploy_changes_nothing_although_the_api_server_adds_defaults(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    call(ksu, "deploy", VALUES, tmp_path)
    before = read_all(namespace)
    bodies = [resource.body for resource in render(load([write(tmp_path, VALUES)]), RELEASE, namespace).objects]
    others = [body for body in bodies if body["kind"] in KINDS]
    assert before[HTTP_ROUTE, "my-app"]["spec"]["rules"][0]["matches"] == [
        {"path": {"type": "PathPrefix", "value": "/"}}
    ]
    assert len(others) == len(SPECS)
    for body in others:  # is this so, nothing is even sent
        assert is_as_applied(
            before[KINDS[body["kind"]], body["metadata"]["name"]], mark(body, Owner(RELEASE, namespace))
        )
    assert "0 to create, 0 to change, 0 to delete" in call(ksu, "plan", VALUES, tmp_path).out
    assert call(ksu, "deploy", VALUES, tmp_path).status == 0
    assert read_all(namespace) == before


def test_plan_shows_each_changed_field_and_none_that_the_api_server_added(ksu: Invoke, tmp_path: Path) -> None:
    call(ksu, "deploy", VALUES, tmp_path)
    planned = call(ksu, "plan", change(VALUES, CHANGES), tmp_path)
    assert planned.status == 0
    changes = [line.strip() for line in planned.out.splitlines() if " -> " in line]
    assert changes == [
        "~ spec.issuerRef.name: letsencrypt -> internal",
        "~ spec.rules.0.backendRefs.0.weight: 90 -> 10",
        "~ spec.endpoints.0.interval: 30s -> 15s",
        "~ spec.keepUsersLoggedInFor: 2h30m -> 24h",
    ]


def test_early_truth_what_a_definition_refuses_is_found_before_anything_starts(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    wrong = {
        "algorithm: ECDSA": "algorithm: DSA",
        "action: drop": "action: throw",
        "statusCode: 301": "statusCode: 418",
        "additionalApplications:": "whitelistSourceRanges: [anywhere]\n    additionalApplications:",
    }
    for command in ("plan", "deploy"):
        refused = call(ksu, command, change(VALUES, wrong), tmp_path)
        assert refused.status == 1
        for name in ("Certificate/my-app", "ServiceMonitor/my-app", "HTTPRoute/redirect", "DexAuthenticator/login"):
            assert f"error[kubernetes/invalid]: {name}: " in refused.err
        assert read_all(namespace) == {}
        assert get(namespace, DEPLOYMENT, "my-app") is None


def test_the_role_that_rbac_prints_has_these_kinds(ksu: Invoke, tmp_path: Path) -> None:
    role = next(yaml.safe_load_all(call(ksu, "rbac", VALUES, tmp_path).out))
    rules = {rule["apiGroups"][0]: rule for rule in role["rules"]}
    for kind in KINDS.values():
        rule = rules[kind.api_version.partition("/")[0]]
        assert rule["resources"] == [kind.plural]
        assert {"create", "delete", "get", "list", "patch"} <= set(rule["verbs"])


def test_all_goldens_of_these_kinds_are_accepted_by_strict_validation(namespace: str) -> None:
    tried, refused = asyncio.run(try_strictly(namespace, list(read_goldens())))
    assert refused == []
    assert tried == KINDS.keys()


# Those that remove objects come last: the cluster's garbage collector learns of a new kind within half a minute, and
# until then what is being removed stays.


def test_nothing_orphaned_kinds_of_others_leave_with_the_values_and_with_the_release(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    call(ksu, "deploy", VALUES, tmp_path)
    fewer = VALUES.replace("autoCreateServiceMonitor: true", "autoCreateServiceMonitor: false")
    fewer = fewer.partition("    serviceMonitor:")[0] + "    autoCreateHttpRoute: true\n"
    fewer += "    httpRoute: {parentRefs: [{name: edge}], hostnames: [{host: api.example.org}]}\n"
    planned = call(ksu, "plan", fewer, tmp_path)
    for gone in ("ServiceMonitor/my-app", "HTTPRoute/redirect", "DexAuthenticator/login", "Certificate/portal"):
        assert f"- {gone}" in planned.out
    assert call(ksu, "deploy", fewer, tmp_path).status == 0
    assert read_all(namespace).keys() == {(CERTIFICATE, "my-app"), (HTTP_ROUTE, "my-app")}
    assert ksu("uninstall", RELEASE).status == 0
    assert read_all(namespace) == {}


def test_nothing_orphaned_a_kind_of_the_same_name_in_another_group_is_not_mistaken(
    ksu: Invoke, namespace: str, tmp_path: Path
) -> None:
    with installed([define(Kind("acm.services.k8s.aws/v1alpha1", "Certificate", "certificates"))]):
        call(ksu, "deploy", VALUES, tmp_path)
        assert "0 to create, 0 to change, 0 to delete" in call(ksu, "plan", VALUES, tmp_path).out
        assert call(ksu, "deploy", APP, tmp_path).status == 0
        assert read_all(namespace) == {}
