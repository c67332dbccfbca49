"""`plan` in a pipeline: its exit status, Markdown, and a namespace that does not exist yet."""

import re

import pytest

from support.fake_api_server import FakeApiServer, Program
from support.shell import Invoke, Write

VALUES = """
configs:
  settings: {type: configMap, data: {TEXT: red}}
deployments:
  app:
    replicas: 1
    migrations: {enabled: true, args: [migrate]}
    containers:
      main: {image: app, imageTag: v1, envFrom: [{type: configMap, configName: settings}]}
"""
PLAN = ("plan", "shop", "-f", "values.yaml")


@pytest.fixture(autouse=True)
def values(write: Write, api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    api_server.kubelet.run("app-migrations", Program(("done",), 0))
    write({"values.yaml": VALUES})


def test_the_exit_status_tells_whether_there_is_something_to_do(ksu: Invoke) -> None:
    assert [ksu(*PLAN, "--exit-code").status, ksu(*PLAN).status] == [2, 0]
    assert ksu("deploy", "shop", "-f", "values.yaml").status == 0
    assert ksu(*PLAN, "--exit-code").status == 0
    assert ksu(*PLAN, "--exit-code", "--migrate", "always").status == 2


def test_a_plan_is_markdown_whatever_the_values_hold(ksu: Invoke, write: Write) -> None:
    first = ksu(*PLAN, "-o", "markdown").out
    assert first.startswith(
        "### shop in ns, revision 1: 2 to create, 0 to change, 0 to delete, 0 unchanged; 1 migration"
    )
    assert "```diff\n+ + ConfigMap/settings\n" in first
    assert "\n# > app/migrations runs: " in first
    assert ksu("deploy", "shop", "-f", "values.yaml").status == 0
    write({"values.yaml": VALUES.replace("TEXT: red", 'TEXT: "```` </details>"')})
    second = ksu(*PLAN, "-o", "markdown").out
    fences = re.findall("^`{3,}", second, re.MULTILINE)
    assert fences == ["`````", "`````"]
    assert "!     ~ data.TEXT: red -> ```` </details>\n" in second
    write({"values.yaml": VALUES.replace("TEXT: red", ", ".join(f"K{number}: {'x' * 150}" for number in range(700)))})
    long = ksu(*PLAN, "-o", "markdown").out
    assert (len(long) < 65_000, "… and more" in long, "<details>" in long) == (True, True, True)


def test_a_plan_may_be_for_a_namespace_that_a_deploy_is_to_make(ksu: Invoke, api_server: FakeApiServer) -> None:
    new = ("-n", "fresh")
    without = ksu(*PLAN, *new)
    assert (without.status, "namespace-missing" in without.err) == (1, True)
    planned = ksu(*PLAN, *new, "--create-namespace", "--out", "shop.plan")
    assert (planned.status, planned.err) == (0, "")
    assert "  + Namespace/fresh\n  + ConfigMap/settings\n" in planned.out
    assert "fresh" not in api_server.names("namespaces", "")
    deployed = ksu("deploy", "shop", "-f", "values.yaml", *new, "--create-namespace", "--plan", "shop.plan")
    assert deployed.status == 0, deployed
