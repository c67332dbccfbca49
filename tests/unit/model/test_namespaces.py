"""Configs and claims are where the pods are that name them."""

from textwrap import dedent

import pytest

from ks_universal.api.values import load

VALUES = """\
    configs:
      settings: {data: {A: "1"}}
      keys: {type: secret, data: {K: "1"}}
    persistentVolumeClaims:
      data: {accessModes: [ReadWriteOnce], size: 1Gi}
    secretRefs:
      group: [{name: K, secretKeyRef: {name: keys, key: K}}]
    deployments:
      web:
        namespace: there
        containers:
          main:
            image: web:1
            envFrom: [{type: configMap, configName: settings}]
            secretRefs: [group]
        volumes:
          - {name: data, persistentVolumeClaim: {claimName: data}}
          - {name: perhaps, configMap: {name: settings, optional: true}}
      beside:
        containers: {main: {image: web:1, envFrom: [{type: configMap, configName: settings}]}}
"""
PLACES = {
    "deployments.web.containers.main.envFrom[0].configName names configs.settings": "-:14:49",
    "deployments.web.volumes[0].persistentVolumeClaim.claimName names persistentVolumeClaims.data": "-:17:57",
    "secretRefs.group[0].secretKeyRef.name names configs.keys": "-:7:42",
}


def find(text: str, namespace: str) -> list[tuple[str, str, str]]:
    problems = load(["-"], stdin=lambda: dedent(text), namespace=namespace).problems
    assert {problem.code for problem in problems} <= {"references/other-namespace"}
    return sorted((p.message.partition(", which")[0], str(p.where), p.severity) for p in problems)


@pytest.mark.parametrize(("namespace", "severity"), [("here", "error"), ("", "warning")])
def test_what_is_left_in_the_namespace_of_the_release_is_found_with_its_place(namespace: str, severity: str) -> None:
    assert find(VALUES, namespace) == sorted((message, where, severity) for message, where in PLACES.items())


def test_a_release_in_that_very_namespace_has_no_finding() -> None:
    assert find(VALUES, "there") == []


def test_what_follows_its_pods_has_no_finding() -> None:
    moved = (
        VALUES.replace("settings: {data", "settings: {namespace: there, data")
        .replace("keys: {", "keys: {namespace: there, ")
        .replace("data: {access", "data: {namespace: there, access")
    )
    (found,) = find(moved, "here")
    assert found == (
        "deployments.beside.containers.main.envFrom[0].configName names configs.settings",
        "-:20:79",
        "error",
    )


def test_the_finding_says_where_both_are_and_what_to_do() -> None:
    problem = next(
        p for p in load(["-"], stdin=lambda: dedent(VALUES), namespace="here").problems if "web" in p.message
    )
    assert problem.message.endswith(
        ", which is in namespace 'here', while the pods of deployments.web are in namespace 'there'"
        " and do not find it there"
    )
    assert problem.hint is not None
    assert problem.hint.startswith("give both the same 'namespace', or neither: ")


LEADS = """\
    generic: {httpRoutesGeneral: {parentRefs: [{name: gate}]}}
    services:
      web: {ports: [{port: 80}]}
    hpas:
      web:
        maxReplicas: 3
        metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
    ingresses:
      front: {hosts: [{host: a.test, paths: [{service: web, port: 80}]}]}
    httpRoutes:
      front: {hostnames: [{host: a.test}], rules: [{backendRefs: [{name: web, port: 80}]}]}
    deployments:
      web: {containers: {main: {image: "web:1", ports: {http: {containerPort: 80}}}}}
"""


def test_what_leads_to_a_service_or_to_pods_of_another_namespace_is_found() -> None:
    assert find(LEADS, "here") == []
    pods_moved = LEADS.replace("web: {containers", "web: {namespace: there, containers")
    assert find(pods_moved, "here") == [
        ("hpas.web leads to deployments.web", "-:6:5", "error"),
        ("services.web leads to deployments.web", "-:3:8", "error"),
    ]
    selector = "selector: {app.kubernetes.io/name: web}"
    service_moved = LEADS.replace("web: {ports: [", f"web: {{{selector}, namespace: there, ports: [")
    assert [message for message, _, _ in find(service_moved, "here")] == [
        "httpRoutes.front.rules[0].backendRefs[0] leads to services.web",
        "ingresses.front.hosts[0].paths[0] leads to services.web",
    ]
