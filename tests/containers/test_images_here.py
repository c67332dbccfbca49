"""`up` gets its images before anything changes: it builds those of `local.build`, and pulls the others."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.container_engine import ENGINE, FOREVER, IMAGE, TAG, application, ask, sh
from support.up_process import KSU, running

from .conftest import write_values

SHOP = "registry.example.com/ksu-test/shop"
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def images() -> Iterator[None]:
    """Leaves none of the images that were built."""
    yield
    names = ask("images", "--all", "--quiet", "--no-trunc", "--filter=label=made-by=test-images-here").split()
    subprocess.run([ENGINE or "podman", "rmi", "--force", *names], capture_output=True, check=False)


def up(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [*KSU, "up", "web", "-f", "values.yaml", "--until-ready", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


def write_shop(**build: Any) -> None:
    main = {"image": SHOP, "imageTag": "1", "command": ["sh", "-c", f"echo serves $(cat /word) $WORD; {FOREVER}"]}
    web = application(main, "echo migrates to $(cat /word)")
    seed = {"containers": {"main": {**main, "command": ["sh", "-c", "echo seeds $(cat /word)"]}}}
    write_values({"deployments": {"web": web}, "jobs": {"seed": seed}, "local": {"build": {SHOP: build}}})


def write_dockerfile(text: str, word: str) -> None:
    Path("app/docker").mkdir(parents=True, exist_ok=True)
    Path("app/docker/File").write_text(text)
    Path("app/word").write_text(word)


def test_an_image_is_built_and_again_when_its_files_change_as_a_new_version(folder: Path) -> None:
    first = (
        f"FROM {IMAGE}:{TAG} AS first\nARG WORD=none\nENV WORD=$WORD\nCOPY word /word\nLABEL made-by=test-images-here\n"
    )
    stages = f"{first}FROM first\nENV WORD=last\n"
    write_dockerfile(stages, "one")
    write_shop(context="app", dockerfile="docker/File", target="first", args={"WORD": "given"})
    with running(f"--engine={ENGINE}", "--watch") as running_up:
        running_up.read_until_log("migrates to one")
        running_up.read_until_log("serves one given")
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        (folder / "app" / "word").write_text("two")
        running_up.read_until_log("migrates to two")
        running_up.read_until_log("serves two given")
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        assert any("seeds two" in event.get("line", "") for event in running_up.events)
        asked = subprocess.run(
            [*KSU, "up", "web", "-f", "values.yaml", "--run", "seed"], capture_output=True, text=True
        )
        assert (asked.returncode, "seeds two" in asked.stdout) == (0, True), asked.stderr
        write_dockerfile("FROM scratch AS first\nCOPY no-such-file /\n", "three")
        refused = running_up.read_until("Problem")
        assert refused["code"] == "local/build"
        assert "no-such-file" in refused["message"]
        name = ask("ps", "--filter=name=^web-web-main-", "--format={{.Names}}").strip()
        assert "serves two" in ask("logs", name)
        assert running_up.interrupt() == 130
    write_dockerfile(stages, "two")
    again = up(f"--engine={ENGINE}").stdout
    assert "web/migrations: nothing changed since revision 2" in again


def test_early_truth_no_migration_runs_where_an_image_of_another_application_cannot_be_had(folder: Path) -> None:
    missing = {"containers": {"main": {"image": "localhost:1/none", "imageTag": "1", "command": ["true"]}}}
    built = {"containers": {"main": {"image": SHOP, "imageTag": "1"}}}
    first = application(sh(FOREVER), "echo ran")
    write_values({"deployments": {"web": first, "other": missing}})
    result = up(f"--engine={ENGINE}")
    assert result.returncode == 1
    assert "error[local/image]: container main: image localhost:1/none:1 cannot be pulled" in result.stderr
    write_values({"deployments": {"web": first, "other": built}, "local": {"build": {SHOP: {"context": "none"}}}})
    refused = up(f"--engine={ENGINE}")
    assert refused.returncode == 1
    assert f"error[local/build]: image {SHOP}:1 cannot be built: {folder}/none is no folder" in refused.stderr
    assert "ran" not in result.stdout + refused.stdout
    assert not (folder / ".ks-universal" / "web" / "revisions").exists()


def test_without_a_word_images_that_nothing_stands_for_run_in_the_engine_that_is_here(folder: Path) -> None:
    web = application(sh(f"echo in $(cat /proc/1/comm); {FOREVER}"))
    write_values({"deployments": {"web": web}, "local": {"images": {f"{IMAGE}:{TAG}": {}}}})
    assert up().returncode == 0
    assert not (folder / ".ks-universal" / "web" / "engine").exists()
    subprocess.run([*KSU, "down", "web"], check=True, capture_output=True)
    write_values({"deployments": {"web": web}})
    assert up().returncode == 0
    assert (folder / ".ks-universal" / "web" / "engine").read_text() == ENGINE
    subprocess.run([*KSU, "down", "web"], check=True, capture_output=True)
    result = up(env={"PATH": str(folder)})
    assert result.returncode == 1
    assert f"image {IMAGE}:{TAG} is not in `local.images`, and no container engine is installed" in result.stderr
