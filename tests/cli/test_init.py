"""`ks-universal init`, as a shell sees it."""

from pathlib import Path

import pytest
import yaml

from ks_universal.api.starting_values import STARTING_TOOLS
from support.shell import Invoke


@pytest.mark.parametrize("tool", STARTING_TOOLS)
@pytest.mark.parametrize("options", [[], ["--name", "shop", "--image", "registry.example.com:5000/team/shop:1.10"]])
def test_the_file_is_valid_and_comes_up_as_a_release(ksu: Invoke, tool: str, options: list[str]) -> None:
    assert ksu("init", "--tool", tool, *options).status == 0
    assert ksu("validate", "-f", "values.yaml") == (0, "", "values are valid\n")
    name = "shop" if options else "my-app"
    job = yaml.safe_load(ksu("template", "r", "-f", "values.yaml", "--show", f"Job/{name}-migrations").out)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_name_and_image_are_written_where_they_belong(ksu: Invoke, folder: Path) -> None:
    ksu("init", "shop.yaml", "--tool", "alembic", "--name", "shop", "--image", "registry.example.com:5000/shop:1.10")
    text = (folder / "shop.yaml").read_text()
    assert "my-app" not in text
    assert "image: registry.example.com:5000/shop\n        imageTag: 1.10\n" in text


@pytest.mark.parametrize(
    ("image", "written"),
    [
        ("shop", "image: shop\n        imageTag: 1.0.0\n"),
        ("localhost:5000/shop", "image: localhost:5000/shop\n        imageTag: 1.0.0\n"),
        (f"shop@sha256:{'a' * 64}", f"image: shop@sha256:{'a' * 64}\n        envFrom:"),
    ],
)
def test_an_image_may_have_no_tag_a_port_or_a_digest(ksu: Invoke, image: str, written: str) -> None:
    result = ksu("init", "-", "--tool", "django", "--image", image)
    assert result.status == 0
    assert written in result.out


def test_the_tool_is_asked_for(ksu: Invoke, folder: Path) -> None:
    result = ksu("init", stdin="mongo\nrails\n")
    assert result.status == 0
    assert (result.out, "golang-migrate" in result.err) == ("", True)
    assert "args: [db:migrate]" in (folder / "values.yaml").read_text()


def test_a_file_that_is_there_is_only_overwritten_by_force(ksu: Invoke, folder: Path) -> None:
    (folder / "values.yaml").write_text("mine")
    result = ksu("init", "--tool", "prisma")
    assert (result.status, result.out) == (1, "")
    assert "hint: overwrite it with --force" in result.err
    assert (folder / "values.yaml").read_text() == "mine"
    assert ksu("init", "--tool", "prisma", "--force").status == 0
    assert (folder / "values.yaml").read_text() != "mine"


def test_a_folder_that_is_not_there_is_a_finding(ksu: Invoke) -> None:
    result = ksu("init", "nowhere/values.yaml", "--tool", "prisma")
    assert result.status == 1
    assert "nowhere/values.yaml cannot be written: no such file or directory" in result.err


@pytest.mark.parametrize("options", [["--name", "My App"], ["--image", "a b"], ["--name", "x: [", "--image", "y"]])
def test_a_name_that_kubernetes_refuses_writes_nothing(ksu: Invoke, folder: Path, options: list[str]) -> None:
    result = ksu("init", "--tool", "flyway", *options)
    assert result.status == 1
    assert "error[" in result.err
    assert list(folder.iterdir()) == []
