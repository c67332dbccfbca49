"""What the project offers to pipelines: files as their schemas want them, whose scripts do what they say."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.fake_api_server import FakeApiServer

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
GITLAB_INPUTS, GITLAB = yaml.safe_load_all((ROOT / "templates" / "deploy.yml").read_text())
VALUES = "deployments: {app: {replicas: 1, containers: {main: {image: app, imageTag: v1}}}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "values.yaml").write_text(VALUES)
    return tmp_path


def run(script: str, folder: Path, server: FakeApiServer, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "KUBECONFIG": str(server.kubeconfig),
        **variables,
    }
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("schema", "file"),
    [("github-actions", "action.yml"), ("github-workflows", ".github/workflows/release.yml"), ("gitlab-ci", "")],
)
def test_files_are_as_their_schemas_want_them(tmp_path: Path, schema: str, file: str) -> None:
    path = ROOT / file
    if not file:  # a component is two documents, of which the second is the pipeline
        path = tmp_path / "gitlab.yml"
        path.write_text(yaml.safe_dump(GITLAB))
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{schema}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run_action(folder: Path, server: FakeApiServer, mode: str, **variables: str) -> dict[str, Any]:
    (script,) = (step["run"] for step in ACTION["runs"]["steps"] if step.get("id") == "run")
    summary, output = folder / "summary", folder / "output"
    for file in (summary, output):
        file.write_text("")
    done = run(
        script, folder, server, MODE=mode, FOLDER=str(folder), GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_OUTPUT=str(output), **{"RELEASE": "shop", "KSU_VALUES": "values.yaml"} | variables,
    )  # fmt: skip
    return {"status": done.returncode, "summary": summary.read_text(), "output": output.read_text(), "err": done.stderr}


def test_the_action_shows_the_plan_and_carries_it_out(folder: Path, api_server: FakeApiServer) -> None:
    planned = run_action(folder, api_server, "plan")
    assert (planned["status"], planned["output"]) == (0, "changes=true\n"), planned
    assert planned["summary"].startswith("### shop in ns, revision 1: 1 to create")
    assert api_server.names("deployments") == []
    deployed = run_action(folder, api_server, "deploy")
    assert deployed["status"] == 0
    assert "## shop, revision 1: is up (after " in deployed["summary"]
    assert api_server.names("deployments") == ["app"]
    assert run_action(folder, api_server, "plan")["output"] == "changes=false\n"
    wrong = run_action(folder, api_server, "deploy", RELEASE="")
    assert (wrong["status"], wrong["output"]) == (2, "")
    (folder / "values.yaml").write_text("deployments: {app: {}}")
    assert run_action(folder, api_server, "deploy")["status"] == 1


def test_every_input_of_the_action_is_read() -> None:
    used = set(re.findall(r"inputs\.(\w+)", json.dumps(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    assert set(re.findall(r"inputs\.(\w+)", json.dumps(GITLAB))) == set(GITLAB_INPUTS["spec"]["inputs"])


def test_the_component_plans_and_deploys_that_plan(folder: Path, api_server: FakeApiServer) -> None:
    variables = {"RELEASE": "shop", "KSU_VALUES": "values.yaml"}
    for job, expected in (("ks-universal plan", []), ("ks-universal deploy", ["app"])):
        done = run("set -e\n" + "\n".join(GITLAB[job]["script"]), folder, api_server, **variables)
        assert done.returncode == 0, done.stderr
        assert api_server.names("deployments") == expected


def test_the_hook_takes_values_files_and_passes_them(folder: Path, api_server: FakeApiServer) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["language"] == "python"
    names = ("values.yaml", "deploy/values.prod.yml", "chart/my-values.yaml", "values.yaml.bak")
    assert [bool(re.search(hook["files"], name)) for name in names] == [True, True, False, False]
    assert run(f"{hook['entry']} values.yaml", folder, api_server).returncode == 0
