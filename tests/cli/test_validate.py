"""`ks-universal validate`, as a shell sees it."""

import json
from pathlib import Path

import pytest

from support.shell import Invoke, Write

GOOD = {"deployments": {"my-app": {"containers": {"main": {"image": "my-app", "imageTag": "v1"}}}}}
BAD = "deployments:\n  my-app:\n    replics: 2\n    containers:\n      main:\n        image: []\n        imageTag: v1\n"


def test_good_values_are_valid(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": GOOD})
    assert ksu("validate", "-f", "values.yaml") == (0, "", "values are valid\n")


def test_all_findings_come_at_once_with_their_places_and_a_count(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": BAD})
    result = ksu("validate", "-f", "values.yaml")
    assert result.status == 1
    assert "--> values.yaml:3:5" in result.err
    assert "--> values.yaml:6:16" in result.err
    assert result.err.endswith("\n2 errors\n")


def test_findings_as_json_have_file_line_and_column(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": BAD})
    result = ksu("validate", "-f", "values.yaml", "-o", "json")
    assert (result.status, result.err) == (1, "")
    first, second = json.loads(result.out)
    assert first["code"] == "values/unknown-key"
    assert first["severity"] == "error"
    assert first["where"] == {"file": "values.yaml", "line": 3, "column": 5}
    assert first["hint"] == "did you mean 'replicas'?"
    assert second["where"] == {"file": "values.yaml", "line": 6, "column": 16}


def test_no_findings_as_json_are_an_empty_list(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": GOOD})
    result = ksu("validate", "-f", "values.yaml", "-o", "json")
    assert (result.status, json.loads(result.out)) == (0, [])


def test_warnings_alone_exit_0(ksu: Invoke, write: Write) -> None:
    container = {"image": "a", "imageTag": "v1", "envFrom": [{"type": "secret", "configName": "elsewhere"}]}
    write({"values.yaml": {"deployments": {"my-app": {"containers": {"main": container}}}}})
    result = ksu("validate", "-f", "values.yaml")
    assert result.status == 0
    assert result.err.endswith("\n1 warning\n")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: [1", b"\x00", b"a: &a [*a]", b"- 1", b"a: 1\na: 2"])
def test_a_file_that_is_no_values_file_is_a_finding(ksu: Invoke, folder: Path, content: bytes) -> None:
    (folder / "values.yaml").write_bytes(content)
    result = ksu("validate", "-f", "values.yaml")
    assert result.status == 1
    assert "error[values/" in result.err


def test_a_file_that_is_not_there_hides_no_finding_of_its_kind(ksu: Invoke) -> None:
    result = ksu("validate", "-f", "one.yaml", "-f", "two.yaml")
    assert result.status == 1
    assert "one.yaml" in result.err
    assert result.err.endswith("\n2 errors\n")


def test_a_folder_is_no_values_file(ksu: Invoke) -> None:
    result = ksu("validate", "-f", ".")
    assert result.status == 1
    assert "error[values/unreadable]" in result.err


def test_a_file_name_that_is_not_text_is_shown_in_json(ksu: Invoke) -> None:
    result = ksu("validate", "-f", "caf\udce9.yaml", "-o", "json")
    assert result.status == 1
    assert "caf\\udce9.yaml" in json.loads(result.out)[0]["message"]


def test_fields_that_the_chosen_kubernetes_does_not_know_are_errors(ksu: Invoke, write: Write) -> None:
    container = {"image": "a", "imageTag": "v1", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}
    write({"values.yaml": {"deployments": {"my-app": {"containers": {"main": container}}}}})
    result = ksu("validate", "-f", "values.yaml", "--kube-version", "1.28")
    assert result.status == 1
    assert "error[kubernetes/unknown-field]: Deployment/my-app" in result.err
    refused = ksu("template", "shop", "-f", "values.yaml", "--kube-version", "1.28")
    assert (refused.status, refused.out) == (1, "")
    assert ksu("template", "shop", "-f", "values.yaml", "--kube-version", "1.29").status == 0


def test_a_kubernetes_version_that_is_not_known_is_an_error_and_no_traceback(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": GOOD})
    result = ksu("validate", "-f", "values.yaml", "--kube-version", "1.2")
    assert result.status == 1
    assert "error[request/kube-version]" in result.err


def test_what_pod_security_would_refuse_is_an_error_with_the_key_to_change(ksu: Invoke, write: Write) -> None:
    container = {"image": "a", "imageTag": "v1", "securityContext": {"privileged": True}}
    write({"values.yaml": {"deployments": {"my-app": {"containers": {"main": container}}}}})
    result = ksu("validate", "-f", "values.yaml", "--policy", "baseline")
    assert result.status == 1
    assert "error[pod-security/privileged]: Deployment/my-app: container main is privileged" in result.err
    key = "deployments.my-app.containers.main.securityContext.privileged"
    assert f"--> values.yaml:8:11\n  hint: change {key}" in result.err
    assert ksu("template", "shop", "-f", "values.yaml", "--policy", "restricted").status == 1
    assert ksu("template", "shop", "-f", "values.yaml").status == 0
