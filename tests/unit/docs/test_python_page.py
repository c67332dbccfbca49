"""Each block of `docs/python.md` runs, against an API server in memory."""

import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from support.fake_api_server import FakeApiServer, Program
from support.running_controller import Releases, release

PAGE = (Path(__file__).parents[3] / "docs" / "python.md").read_text()
BLOCKS = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
VALUES = """
deployments:
  app:
    migrations: {enabled: true, args: [migrate]}
    containers: {main: {image: app, imageTag: v1}}
"""
LOCAL = """
local: {images: {app: {command: [sleep, "60"]}}}
deployments:
  app: {containers: {main: {image: app, imageTag: v1}}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    api_server.kubelet.run("app-migrations", Program(("migrated",), 0))
    Path("values.yaml").write_text(VALUES)
    Path("local.yaml").write_text(LOCAL)


def execute(title: str) -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "page"}
    exec(compile(BLOCKS[title], f"docs/python.md, {title}", "exec"), found)
    return found


def test_values_are_read_and_rendered(capsys: pytest.CaptureFixture[str]) -> None:
    execute("Read, check, render")
    assert "replicas: 2" in capsys.readouterr().out


def test_a_release_is_deployed_and_its_record_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute("Deploy from a script")["status"] == 0
    shown = capsys.readouterr().out
    assert "app/migrations | migrated" in shown
    assert "revision 1: succeeded" in shown
    execute("Read a record")
    shown = capsys.readouterr().out
    assert "app/migrations: succeeded" in shown
    assert "app 1 of 1 pods are ready" in shown


def test_a_script_that_declines_changes_nothing(api_server: FakeApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    execute("Deploy from a script")
    Path("values.yaml").write_text(VALUES.replace("  app:\n    migrations", "  other:\n    migrations"))
    before = len(api_server.store.objects)
    assert execute("Deploy from a script")["status"] == 1
    assert "this script deletes nothing" in capsys.readouterr().err
    assert len(api_server.store.objects) == before


def test_a_controller_carries_out_a_release_until_it_is_told_to_end(
    api_server: FakeApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = Releases(api_server)
    releases.put(release(values=VALUES))

    def end() -> None:
        releases.await_settled()
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    execute("The controller")
    ending.join()
    assert "ns/shop: carries out generation 1" in capsys.readouterr().out
    asked = {each.headers.get("impersonate-user") for each in api_server.requests if "/deployments" in each.path}
    assert asked == {"system:serviceaccount:ns:deployer"}


def test_a_release_runs_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    execute("On this machine")
    assert capsys.readouterr().out.endswith("succeeded\n")


def test_a_release_runs_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    execute("A target of your own")
    assert capsys.readouterr().out.endswith("succeeded ['Deployment/app']\n")


def test_each_section_with_a_block_is_run() -> None:
    assert list(BLOCKS) == [
        "Read, check, render",
        "Deploy from a script",
        "Read a record",
        "The controller",
        "On this machine",
        "A target of your own",
    ]
