"""`ks-universal template --out-dir`, as a shell and a pipeline see it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.shell import Invoke, Write

APP: dict[str, Any] = {
    "configs": {
        "settings": {"type": "configMap", "data": {"LEVEL": "info"}},
        "database": {"type": "secret", "data": {"PASSWORD": "hush-hush"}},
    },
    "deployments": {
        "my-app": {
            "migrations": {"enabled": True, "args": ["migrate"]},
            "containers": {"main": {"image": "my-app", "imageTag": "v1"}},
        }
    },
}
FLAVORS = ["plain", "helm", "argocd", "flux"]


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_pipeline_writes_a_folder_and_checks_it(ksu: Invoke, write: Write, flavor: str) -> None:
    write({"values.yaml": APP})
    command = ("template", "shop", "-f", "values.yaml", "-n", "ns", "--flavor", flavor, "--out-dir", "deploy/shop")
    missing = ksu(*command, "--check")
    assert missing.status == 1 and "is missing" in missing.err and not Path("deploy").exists()
    written = ksu(*command)
    assert (written.status, written.out) == (0, "")
    assert "wrote deploy/shop/" in written.err and "0 removed" in written.err
    same = ksu(*command, "--check")
    assert same.status == 0 and "deploy/shop has what the values give" in same.err
    changed = ksu(*command, "--set", "deployments.my-app.replicas=2,configs.settings=null", "--check")
    assert changed.status == 1
    assert "deployment-my-app.yaml is not what the values give" in changed.err
    assert "configmap-settings.yaml is not made by the values any more" in changed.err
    assert "hush" not in missing.err + written.err + same.err + changed.err
    assert "warning[folder/plain-secrets]" in written.err


def test_what_was_removed_is_said(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    command = ("template", "shop", "-f", "values.yaml", "--flavor", "argocd", "--out-dir", "deploy/")
    ksu(*command)
    result = ksu(*command, "--set", "configs.settings=null")
    assert "removed deploy/configmap-settings.yaml\n" in result.err
    assert "0 written, 1 removed, 3 unchanged" in result.err


def test_the_same_objects_are_in_the_files_and_on_standard_output(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    command = ("template", "shop", "-f", "values.yaml", "--flavor", "argocd")
    ksu(*command, "--out-dir", "deploy")
    files = [yaml.safe_load(file.read_text()) for file in sorted(Path("deploy").iterdir())]
    printed = list(yaml.safe_load_all(ksu(*command).out))
    assert sorted(files, key=repr) == sorted(printed, key=repr)


def test_wrong_values_leave_the_folder_as_it_was(ksu: Invoke, write: Write) -> None:
    write({"values.yaml": APP})
    result = ksu(
        "template", "shop", "-f", "values.yaml", "--set", "deployments.my-app.replica=2", "--out-dir", "deploy"
    )
    assert result.status == 1 and "values/unknown-key" in result.err
    assert not Path("deploy").exists()


@pytest.mark.parametrize(
    "options", [["--check"], ["--out-dir", "d", "-o", "json"], ["--out-dir", "d", "--show", "A/a"]]
)
def test_options_that_do_not_go_together_are_refused(ksu: Invoke, write: Write, options: list[str]) -> None:
    write({"values.yaml": APP})
    result = ksu("template", "shop", "-f", "values.yaml", *options)
    assert result.status == 2 and "--out-dir" in result.err
    assert not Path("d").exists()


def test_values_with_the_time_are_checked_at_the_time_that_is_set(
    ksu: Invoke, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"values.yaml": APP})
    at = "deployments.my-app.containers.main.imageTag={{ now | unixEpoch }}"
    command = ("template", "shop", "-f", "values.yaml", "--set-literal", at, "--out-dir", "deploy")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764356000")
    ksu(*command)
    assert ksu(*command, "--check").status == 0
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    result = ksu(*command, "--check")
    assert result.status == 1 and "warning[folder/clock]" in result.err
