from pathlib import Path

import pytest

from ks_universal.errors import InputError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB
from support.deploying import deploy, get

VALUES = """

configs:
  settings: {type: configMap, data: {COLOUR: red}}
deployments:
  my-app:
    migrations: {enabled: true, args: ["-c", "echo migrated"]}
    autoCreateService: true
    autoCreateServiceMonitor: true
    autoCreateCertificate: true
    autoCreateHttpRoute: true
    certificate: {domains: [shop.example.org], clusterIssuer: letsencrypt}
    httpRoute: {parentRefs: [{name: edge}], hostnames: [shop.example.org]}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        ports: {http: {containerPort: 8080}, http-metrics: {containerPort: 9090}}
dexAuthenticators:
  login: {applicationDomain: shop.example.org, applicationIngressClassName: nginx}
"""


def test_kinds_that_the_cluster_does_not_know_are_named_with_their_project_before_anything_starts(
    namespace: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        deploy(namespace, VALUES, tmp_path)
    problems = caught.value.problems
    assert [problem.code for problem in problems] == ["kubernetes/unknown-kind"] * 4
    said = "\n".join(problem.message for problem in problems)
    for project in ("cert-manager brings", "Prometheus Operator brings", "Gateway API brings", "Deckhouse brings"):
        assert project in said
    assert "Certificate/my-app" in said
    assert get(namespace, JOB, "my-app-migrations") is None
    assert get(namespace, CONFIG_MAP, "settings") is None
    assert get(namespace, DEPLOYMENT, "my-app") is None
