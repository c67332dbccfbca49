"""The project file: what it gives, and the clusters that it keeps apart."""

from pathlib import Path

import pytest
import yaml

from support.fake_api_server import FakeApiServer
from support.shell import Invoke, Write

PROJECT = """
release: shop
namespace: home
values: [values.yaml]
environments:
  prod: {context: prod-eu, namespace: shop-prod, values: values.prod.yaml}
  dev: {values: []}
"""
FILES = {
    "ksu.yaml": PROJECT,
    "values.yaml": "deployments: {app: {replicas: 1, containers: {main: {image: app, imageTag: v1}}}}",
    "values.prod.yaml": "deployments: {app: {replicas: 9}}",
    "more.yaml": "deployments: {app: {labels: {more: plenty}}}",
}


@pytest.fixture(autouse=True)
def files(write: Write, api_server: FakeApiServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a project, and a kubeconfig whose current context is that of production."""
    write(FILES)
    config = api_server.kubeconfig.read_text()
    (folder / "config").write_text(config)
    monkeypatch.setenv("KUBECONFIG", str(folder / "config"))


def name_context(folder: Path, name: str) -> None:
    """Call the only context of the kubeconfig by another name."""
    config = yaml.safe_load((folder / "config").read_text())
    config["contexts"][0]["name"] = config["current-context"] = name
    (folder / "config").write_text(yaml.safe_dump(config))


def test_release_namespace_and_values_need_not_be_given(ksu: Invoke) -> None:
    assert ksu("validate").err == "values are valid\n"
    general, prod = ksu("template").out, ksu("template", "-e", "prod").out
    assert ("app.kubernetes.io/instance: shop\n" in general, "namespace: home\n" in general) == (True, True)
    assert ("replicas: 1\n" in general, "replicas: 9\n" in prod, "namespace: shop-prod\n" in prod) == (True, True, True)
    assert "app.kubernetes.io/instance: other\n" in ksu("template", "other", "-n", "there").out


def test_files_are_laid_over_an_environment_and_replace_what_is_general(ksu: Invoke) -> None:
    assert "replicas: 9\n" in ksu("template", "-e", "prod", "-f", "more.yaml").out
    assert ksu("template", "-f", "more.yaml").status == 1  # no image without values.yaml


def test_an_environment_may_come_from_a_variable(ksu: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSU_ENVIRONMENT", "prod")
    assert "replicas: 9\n" in ksu("template").out


def test_the_cluster_of_another_environment_is_refused(ksu: Invoke, folder: Path, api_server: FakeApiServer) -> None:
    name_context(folder, "prod-eu")
    for options in ([], ["-e", "dev"], ["-e", "dev", "--context", "prod-eu"]):
        refused = ksu("deploy", *options)
        assert (refused.status, "error[project/context]" in refused.err) == (1, True), options
    assert (api_server.names("deployments", "home"), api_server.names("deployments", "shop-prod")) == ([], [])
    assert "release/unknown" in ksu("status").err  # to look does no harm
    refused = ksu("status", "-e", "prod", "--context", "elsewhere")
    assert "the context elsewhere is none of ksu.yaml" in refused.err
    assert "  + Deployment/app" in ksu("plan", "-e", "prod", "--create-namespace").out
    name_context(folder, "laptop")
    assert "  + Deployment/app" in ksu("plan", "-n", "ns").out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("releese: shop", "ksu.yaml:1:1\n  hint: did you mean 'release'?"),
        ("environments: {prod: {environments: {}}}", "there is no key 'environments' here"),
        ("environments: [prod]", "environments is no map"),
        ("release: [shop]", "release is no text"),
        ("values: {a: b}", "values is no list of files"),
        ("release: 'shop", "error[values/"),
    ],
)
def test_what_is_wrong_with_it_is_a_finding_with_its_place(ksu: Invoke, write: Write, text: str, told: str) -> None:
    write({"ksu.yaml": text})
    result = ksu("template", "shop", "-f", "values.yaml")
    assert (result.status, told in result.err) == (1, True), result.err


def test_an_environment_that_is_not_there_is_named(ksu: Invoke, folder: Path) -> None:
    assert "hint: did you mean 'prod'?" in ksu("plan", "-e", "prd").err
    (folder / "ksu.yaml").unlink()
    missing = ksu("plan", "-e", "prod")
    assert (missing.status, "There is no ksu.yaml" in missing.err) == (2, True)
