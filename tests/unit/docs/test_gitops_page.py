"""What `docs/gitops.md` shows is so, as far as that can be seen without the tools; tests/gitops runs it with them."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import ks_universal
from ks_universal.cli import run

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "gitops.md").read_text()
BLOCKS = [
    (language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
    for indent, language, text in re.findall(r"^( *)```(\w+)\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
]
VALUES = next(text for language, text in BLOCKS if language == "yaml")
COMMANDS = re.findall(r"^(?:    | *(?:- )?(?:run: )?)(ks-universal template [^|\n]+?)(?: \|.*)?$", PAGE, re.MULTILINE)


def list_values() -> Iterator[str]:
    """Give the examples that are values, laid over the first one."""
    for language, text in BLOCKS:
        if language == "yaml" and re.search(r"^(configs|extraObjects):", text, re.MULTILINE):
            yield text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("values.yaml").write_text(VALUES)


@pytest.mark.parametrize("text", list(list_values()))
def test_the_examples_of_values_are_valid(text: str) -> None:
    Path("more.yaml").write_text(text)
    assert ks_universal.validate(["values.yaml", "more.yaml"]) == ()


@pytest.mark.parametrize("command", list(dict.fromkeys(COMMANDS)))
def test_each_command_of_the_page_works(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command.replace(" --check", ""))[1:]
    assert run(words) == 0, capfd.readouterr().err
    if "--check" in command:
        assert run([*words, "--check"]) == 0


def test_the_pattern_for_renovate_finds_image_and_tag_of_the_example() -> None:
    (config,) = (json.loads(text) for language, text in BLOCKS if language == "json")
    (manager,) = config["customManagers"]
    (pattern,) = manager["matchStrings"]
    found = re.search(pattern.replace("(?<", "(?P<"), VALUES)
    assert found and found.groupdict() == {"depName": "registry.example.com/shop", "currentValue": "1.0.0"}
    (files,) = manager["managerFilePatterns"]
    assert re.search(files.strip("/"), "shop/values.production.yaml")


def test_a_line_that_is_marked_for_flux_is_the_same_value() -> None:
    (marked,) = re.findall(r"^ +imageTag: 1\.0\.0 # \{.*$", PAGE, re.MULTILINE)
    assert yaml.safe_load(VALUES.replace("        imageTag: 1.0.0", marked)) == yaml.safe_load(VALUES)


def test_the_table_has_each_promise_in_its_order() -> None:
    promises = re.findall(r"^## (.+)$", (DOCS / "promises.md").read_text(), re.MULTILINE)
    table = PAGE.partition("\n## What holds\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| \[?([a-z ]+?)\]?(?:\(.*?\))? \|", table, re.MULTILINE) == promises


def test_pipelines_are_yaml_and_name_the_folder_of_the_page() -> None:
    pipelines: list[Any] = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml" and "# ." in text]
    assert len(pipelines) == 2
    assert all("--out-dir deploy/production" in json.dumps(pipeline) for pipeline in pipelines)


def test_the_pipeline_that_writes_commits_the_folder_once() -> None:
    (pipeline,) = (yaml.safe_load(text) for language, text in BLOCKS if "# .gitlab-ci" in text)
    script = "\n".join(pipeline["manifests"]["script"])
    here = re.sub(r'"https:[^"]+"', "../remote.git", script)
    assert here != script
    made = "git init -q -b image-updates . && git init -q --bare ../remote.git && git add values.yaml"
    first = "git -c user.name=a -c user.email=a@example.com commit -qm first"
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    Path("work").mkdir()
    Path("values.yaml").rename("work/values.yaml")
    for text in (f"{made}\n{first}", here, here):
        subprocess.run(["bash", "-e", "-c", text], cwd="work", env=env, check=True, capture_output=True)
    log = subprocess.run(
        ["git", "log", "--format=%s", "image-updates"], cwd="remote.git", check=True, capture_output=True, text=True
    )
    assert log.stdout.splitlines() == ["Write manifests", "first"]


def test_the_kustomization_of_the_page_finds_those_that_are_written() -> None:
    (page,) = (yaml.safe_load(text) for language, text in BLOCKS if "kustomize.toolkit.fluxcd.io" in text)
    (command,) = (command for command in COMMANDS if "--flavor flux" in command)
    assert run(shlex.split(command)[1:]) == 0
    folder = Path(page["spec"]["path"])
    entry = yaml.safe_load((folder / "kustomization.yaml").read_text())
    written = [body for file in entry["resources"] for body in yaml.safe_load_all((folder / file).read_text())]
    assert page["metadata"]["name"] not in {body["metadata"]["name"] for body in written}
    for body in written:
        assert Path(body["spec"]["path"]).is_dir()
        assert body["spec"]["sourceRef"] == page["spec"]["sourceRef"]
        assert body["metadata"]["namespace"] == page["metadata"]["namespace"]
    named = set(re.findall(r"`(needs|common|jobs|(?:migrate|app)-shop(?:-0)?)`", PAGE.partition("## Flux")[2]))
    assert {body["metadata"]["name"].removeprefix("shop-") for body in written} >= named - {"jobs"}
