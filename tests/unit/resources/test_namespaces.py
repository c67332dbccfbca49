"""Each entry that becomes an object may say its namespace."""

import pytest

from ks_universal.api.values import load, render
from ks_universal.resources.objects import object_ref

MAIN = "containers: {main: {image: a, imageTag: '1', ports: {http: {containerPort: 80}}}}"
ENTRIES = {
    "configs": "data: {A: '1'}",
    "persistentVolumeClaims": "accessModes: [ReadWriteOnce], size: 1Gi",
    "services": "ports: [{port: 80}]",
    "ingresses": "hosts: [{host: a.example.org, paths: [{path: /, service: a, port: 80}]}]",
    "httpRoutes": "parentRefs: [{name: g}], hostnames: [a.example.org], rules: [{backendRefs: [{name: a, port: 80}]}]",
    "hpas": "maxReplicas: 2, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, "
    "averageUtilization: 80}}}], scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: b}",
    "networkPolicies": "podSelector: {}, policyTypes: [Ingress]",
    "resourceQuotas": "hard: {pods: '5'}",
    "deployments": f"{MAIN}, autoCreateService: true, autoCreatePdb: true, autoCreateServiceAccount: true, "
    "migrations: {enabled: true, args: [up], rollback: {args: [down]}}",
    "jobs": MAIN,
    "cronJobs": f"schedule: '* * * * *', {MAIN}",
    "dexAuthenticators": "applicationDomain: a.example.org, applicationIngressClassName: nginx, "
    "autoCreateCertificate: true",
}


@pytest.mark.parametrize("section", ENTRIES)
def test_an_entry_takes_its_objects_to_its_namespace(section: str) -> None:
    lines = "".join(f"    {line}\n" for line in _block(ENTRIES[section]))
    text = f"{section}:\n  web:\n    namespace: there\n{lines}"
    values = load(["-"], stdin=lambda: text)
    rendered = render(values, "demo", "here")
    bodies = [*(r.body for r in rendered.objects), *(m.body for m in rendered.migrations)]
    assert {object_ref(body).namespace for body in bodies} == {"there"}


def _block(flow: str) -> list[str]:
    """Write the inside of a flow map as lines of a block."""
    import yaml

    lines: list[str] = yaml.safe_dump(yaml.safe_load("{" + flow + "}"), width=10_000).splitlines()
    return lines
