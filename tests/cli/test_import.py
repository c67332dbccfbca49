"""`ks-universal import`, as a shell sees it."""

import json
from typing import Any

import pytest

from support.shell import Invoke, Write

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{name: http, containerPort: 8080}]}
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
"""


def test_manifests_become_values_that_are_valid(ksu: Invoke, write: Write) -> None:
    result = ksu("import", stdin=WEB + SERVICE)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(
        "# Made by 'ks-universal import' of 2 objects.\n\ndeployments:\n  web:\n    selector:\n"
    )
    assert "autoCreateService: true" in result.out
    write({"values.yaml": result.out})
    assert ksu("validate", "-f", "values.yaml") == (0, "", "values are valid\n")


def test_files_are_read_together(ksu: Invoke, write: Write) -> None:
    write({"web.yaml": WEB, "service.yaml": SERVICE})
    assert ksu("import", "-f", "web.yaml", "-f", "service.yaml").out == ksu("import", stdin=WEB + SERVICE).out


def test_a_list_of_kubectl_is_what_it_holds(ksu: Invoke) -> None:
    item = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "settings",
            "namespace": "prod",
            "uid": "7",
            "managedFields": [{"manager": "helm"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "data": {"A": "1"},
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [item]})
    assert ksu("import", "-f", "-", stdin=text) == (
        0,
        "# Made by 'ks-universal import' of 1 object.\n# What names no namespace was in prod.\n\n"
        'configs:\n  settings:\n    type: configMap\n    data:\n      A: "1"\n',
        "",
    )


def test_what_controllers_make_is_one_warning(ksu: Invoke) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1"}
    made = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"web-{number}", "ownerReferences": [owner]}}
        for number in range(5)
    ]
    result = ksu("import", stdin=WEB + "---\n" + json.dumps({"kind": "List", "items": made}))
    assert (result.status, result.err.count("warning[")) == (0, 1)
    assert "Pod/web-0, Pod/web-1, Pod/web-2 and 2 more: left out, for controllers" in result.err


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: [", "values/syntax", "-:2:1"),
        ("", "import/empty", ""),
        ("- 1", "import/no-object", "-:1:3"),
        ("deployments: {}", "import/no-object", "-:1:1"),
        ("apiVersion: v1\nkind: Service\nmetadata: 5\n", "import/no-object", "-:1:1"),
        (WEB + "---\n" + WEB, "import/duplicate", "-:14:1"),
        (WEB.replace("name: web\nspec", "name: web\n  labels: [a]\nspec"), "values/wrong-type", "-:5:11"),
        (WEB.replace("containers:", "containers: 5 #").replace("      -", "#"), "values/wrong-type", "-:10:19"),
        (WEB.replace("spec:\n  selector", "spec: 7\nx:\n  selector"), "values/wrong-type", "-:5:7"),
        (WEB.replace('image: "web:1"', "image: [1]"), "values/wrong-type", "-:11:28"),
    ],
)
def test_what_is_no_manifest_is_a_finding_with_its_place(ksu: Invoke, text: str, code: str, place: str) -> None:
    result = ksu("import", stdin=text)
    assert (result.status, result.out) == (1, "")
    assert f"error[{code}]" in result.err
    assert place in result.err


def test_a_field_that_kubernetes_ignores_is_left_out_and_said(ksu: Invoke) -> None:
    result = ksu("import", stdin=WEB.replace("spec:\n  selector", "spec:\n  replicsa: 3\n  selector"))
    assert result.status == 0
    assert "warning[values/unknown-key]: Deployment/web: spec has no key 'replicsa'" in result.err
    assert "--> -:6:3" in result.err


def test_values_of_secrets_need_a_word(ksu: Invoke) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {A: c3dvcmRmaXNo, B: /w==}\n"
    without, given = ksu("import", stdin=secret), ksu("import", "--with-secret-values", stdin=secret)
    assert "swordfish" not in without.out + without.err
    assert "external: true\n    keys:\n    - A\n    - B\n" in without.out
    assert "data:\n      A: swordfish\n    binaryData:\n      B: /w==\n" in given.out


def test_values_that_cannot_be_used_are_printed_with_their_errors(ksu: Invoke) -> None:
    result = ksu("import", stdin=WEB.replace('image: "web:1"', 'image: "web: 1"'))
    assert result.status == 1
    assert "error[" in result.err
    assert "deployments:\n" in result.out


def test_no_input_makes_a_traceback(ksu: Invoke) -> None:
    """Each place of a manifest in turn is another kind of value."""
    parts: list[Any] = [5, {}, None, [None], [{}]]
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "labels": {"a": "b"}, "annotations": {"helm.sh/hook": "pre-upgrade"}},
        "spec": {"template": {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "m", "image": "web"}]}}},
    }
    core = ("ConfigMap", "Secret", "Service", "ServiceAccount")
    kinds = [("v1", kind) for kind in core] + [("batch/v1", "Job"), ("batch/v1", "CronJob"), ("apps/v1", "Deployment")]
    kinds += [("rbac.authorization.k8s.io/v1", kind) for kind in ("Role", "RoleBinding")]
    kinds += [("extensions/v1beta1", "Deployment"), ("serving.knative.dev/v1", "Service"), ("batch/v1beta1", "Job")]
    paths = [("metadata",), ("metadata", "labels"), ("subjects",), ("roleRef",), ("rules",), ("data",)]
    paths += [("spec",), ("spec", "template"), ("spec", "template", "spec"), ("spec", "template", "spec", "containers")]
    for version, kind in kinds:
        for path in paths:
            for part in parts:
                body = _replace({**tree, "kind": kind, "apiVersion": version}, path, part)
                result = ksu("import", stdin=json.dumps(body) + "\n---\n" + WEB)
                assert result.status in (0, 1), result.err
                assert "Traceback" not in result.err


def _replace(value: Any, path: tuple[str, ...], part: Any) -> Any:
    if not path:
        return part
    return {**value, path[0]: _replace(value.get(path[0], {}), path[1:], part)}
