"""`ks-universal init`, as a shell sees it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ks_universal.api.starting_values import STARTING_TOOLS
from support.shell import Invoke, Write


@pytest.mark.parametrize("tool", STARTING_TOOLS)
@pytest.mark.parametrize("options", [[], ["--name", "shop", "--image", "registry.example.com:5000/team/shop:1.10"]])
def test_the_file_is_valid_and_comes_up_as_a_release(ksu: Invoke, tool: str, options: list[str]) -> None:
    other = ["--migration-command", "npm run migrate"] if tool == "other" else []
    written = ksu("init", "--tool", tool, "--name", "my-app", *other, *options)
    assert (written.status, "wrote values.yaml and values.local.yaml\n" in written.err) == (0, True)
    assert ksu("validate", "values.yaml") == (0, "", "values are valid\n")
    assert ksu("validate", "-f", "values.yaml", "values.local.yaml") == (0, "", "values are valid\n")
    name = "shop" if options else "my-app"
    job = yaml.safe_load(ksu("template", "r", "-f", "values.yaml", "--show", f"Job/{name}-migrations").out)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["npm", "run", "migrate"] if tool == "other" else container["args"]


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


def test_without_an_answer_it_is_wrong_usage_and_no_interrupt(ksu: Invoke, folder: Path) -> None:
    result = ksu("init")
    assert (result.status, list(folder.iterdir())) == (2, [])
    assert "--tool alembic|django|" in result.err
    other = ksu("init", "--tool", "other")
    assert (other.status, "--migration-command" in other.err) == (2, True)


FOUND: dict[str, tuple[dict[str, Any], str, list[str], int]] = {
    "Django": ({"manage.py": ""}, "django", ["python", "manage.py", "runserver", "--noreload", "8080"], 8080),
    "the last stage of a Dockerfile": (
        {
            "alembic.ini": "",
            "Dockerfile": """\
FROM a
CMD ["no"]
FROM b
EXPOSE 9000/tcp
ENTRYPOINT ["gunicorn"]
CMD ["app:app", \\
    "-w2"]
""",
        },
        "alembic",
        ["gunicorn", "app:app", "-w2"],
        9000,
    ),
    "the service of a compose file that is built": (
        {
            "alembic.ini": "",
            "compose.yaml": {
                "services": {
                    "db": {"image": "postgres", "ports": ["5432:5432"]},
                    "web": {"build": ".", "command": "uvicorn app:app", "ports": ["127.0.0.1:80:8000"]},
                }
            },
        },
        "alembic",
        ["sh", "-c", "uvicorn app:app"],
        8000,
    ),
    "package.json": (
        {"package.json": '{"name": "@team/Web Shop", "scripts": {"start": "node ."}}', "knexfile.js": ""},
        "other",
        ["npm", "start"],
        8080,
    ),
    "broken files": (
        {
            "alembic.ini": "",
            "package.json": "[",
            "pyproject.toml": "[",
            "compose.yaml": "- a: [",
            "Dockerfile": "CMD [",
        },
        "alembic",
        ["sh", "-c", "["],
        8080,
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_is_in_the_folder_is_found(ksu: Invoke, write: Write, folder: Path, case: str) -> None:
    files, tool, command, port = FOUND[case]
    write(files)
    assert ksu("init").status == 0
    assert ksu("validate", "-f", "values.yaml", "values.local.yaml").err == "values are valid\n"
    values, local = (yaml.safe_load((folder / name).read_text()) for name in ("values.yaml", "values.local.yaml"))
    ((name, deployment),) = values["deployments"].items()
    assert name == ("team-web-shop" if case == "package.json" else folder.name.replace("_", "-")[:40].strip("-"))
    assert local["deployments"][name]["containers"]["main"]["command"] == command
    assert deployment["containers"]["main"]["ports"]["http"]["containerPort"] == port
    migrates = {"django": ["python", "manage.py"], "alembic": ["alembic"], "other": ["npx", "knex", "migrate:latest"]}
    assert deployment["migrations"]["command"] == migrates[tool]


def test_what_is_missing_to_run_it_is_said(ksu: Invoke) -> None:
    result = ksu("init", "--tool", "rails", "--name", "shop", "--command", "no-such-program --serve")
    assert "check it: ks-universal validate values.yaml\n" in result.err
    assert "run it here, once there is bin/rails and no-such-program: ks-universal up shop -f values.yaml" in result.err


def test_a_file_that_is_there_is_only_overwritten_by_force(ksu: Invoke, folder: Path) -> None:
    (folder / "values.yaml").write_text("mine")
    result = ksu("init", "--tool", "prisma")
    assert (result.status, result.out) == (1, "")
    assert "hint: overwrite with --force" in result.err
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
