"""What the files of a project tell of it: its name, what migrates its database, how it starts, and on which port."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import yaml

_LONGEST_NAME = 40
_DEFAULT_PORT = 8080
_MARKS = (
    ("alembic.ini", "alembic"),
    ("manage.py", "django"),
    ("flyway.conf", "flyway"),
    ("flyway.toml", "flyway"),
    ("prisma/schema.prisma", "prisma"),
    ("bin/rails", "rails"),
    ("liquibase.properties", "other"),
    ("knexfile.js", "other"),
    ("knexfile.ts", "other"),
)
"""Files that tell which tool migrates the database; the first that is there counts."""
_OTHER_COMMANDS = {
    "liquibase.properties": "liquibase update",
    "knexfile.js": "npx knex migrate:latest",
    "knexfile.ts": "npx knex migrate:latest",
}
_COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_PATHS = (".venv/bin", "venv/bin", "node_modules/.bin")


class FoundProject(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a folder; None and empty: nothing that tells.

    `marks` are the files that told something. `command` is how the application starts, `migration` how a tool that is
    `other` migrates, `sql` the folder of golang-migrate's files, `paths` what belongs on PATH.
    """

    name: str = "my-app"
    tool: str | None = None
    port: int = _DEFAULT_PORT
    command: tuple[str, ...] = ()
    migration: tuple[str, ...] = ()
    sql: str = "migrations"
    paths: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


def find_project(folder: Path) -> FoundProject:
    """Look at the files of a folder; those that cannot be read tell nothing."""
    package, docker, service = _read_package(folder), _read_dockerfile(folder), _read_compose(folder)
    mark, tool = next(((mark, tool) for mark, tool in _MARKS if (folder / mark).exists()), ("", None))
    sql = next((each for each in ("migrations", "db/migrations") if any((folder / each).glob("*.up.sql"))), None)
    if tool is None and sql is not None:
        mark, tool = sql, "golang-migrate"
    port = service.port or docker.port or _DEFAULT_PORT
    commands = (service.command, docker.command, _read_procfile(folder), _start_of(tool, port), _npm_start(package))
    read = (
        (mark, bool(mark)),
        (docker.file, bool(docker.command or docker.port)),
        (service.file, bool(service.command or service.port)),
        ("Procfile", bool(commands[2])),
    )
    return FoundProject(
        name=_find_name(folder, package),
        tool=tool,
        port=port,
        command=next((command for command in commands if command), ()),
        migration=tuple(shlex.split(_OTHER_COMMANDS.get(mark, ""))),
        sql=sql or "migrations",
        paths=tuple(path for path in _PATHS if (folder / path).is_dir()),
        marks=tuple(file for file, has_told in read if has_told),
    )


class _Start(msgspec.Struct, frozen=True):
    """How a file says that the application starts."""

    file: str
    command: tuple[str, ...] = ()
    port: int | None = None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _read_package(folder: Path) -> dict[str, Any]:
    try:
        package = json.loads(_read(folder / "package.json") or "{}")
    except ValueError:
        return {}
    return package if isinstance(package, dict) else {}


def _find_name(folder: Path, package: dict[str, Any]) -> str:
    try:
        project = tomllib.loads(_read(folder / "pyproject.toml")).get("project", {})
    except tomllib.TOMLDecodeError:
        project = {}
    for name in (project.get("name"), package.get("name"), folder.resolve().name):
        label = re.sub(r"[^a-z0-9]+", "-", str(name or "").lower())[:_LONGEST_NAME].strip("-")
        if re.match(r"[a-z]", label):
            return label
    return FoundProject().name


def _read_dockerfile(folder: Path) -> _Start:
    """Read the ENTRYPOINT, CMD and EXPOSE of the last stage."""
    text = re.sub(r"\\\n", " ", _read(folder / "Dockerfile"))
    stage = re.split(r"(?mi)^\s*FROM\s", text)[-1]
    found = {word: _last(rf"(?mi)^\s*{word}\s+(.+?)\s*$", stage) for word in ("ENTRYPOINT", "CMD", "EXPOSE")}
    port = re.match(r"\d+", found["EXPOSE"])
    command = (*_read_words(found["ENTRYPOINT"]), *_read_words(found["CMD"]))
    return _Start("Dockerfile", command, int(port[0]) if port else None)


def _last(pattern: str, text: str) -> str:
    return next(reversed(re.findall(pattern, text)), "")


def _read_words(text: str) -> tuple[str, ...]:
    """Read the form of a list, or else that of a shell."""
    try:
        words = json.loads(text)
    except ValueError:
        return ("sh", "-c", text) if text else ()
    return tuple(map(str, words)) if isinstance(words, list) else ()


def _read_compose(folder: Path) -> _Start:
    """Read the service that is built here."""
    file = next((file for file in _COMPOSE_FILES if (folder / file).is_file()), "")
    try:
        services = yaml.safe_load(_read(folder / file)).get("services", {}).values() if file else ()
        service = next((each for each in services if isinstance(each, dict) and "build" in each), {})
    except (yaml.YAMLError, AttributeError):
        return _Start(file)
    command = service.get("command") or ()
    words = ("sh", "-c", command) if isinstance(command, str) else tuple(map(str, command))
    ports = (_read_port(port) for port in service.get("ports") or ())
    return _Start(file, words, next((port for port in ports if port), None))


def _read_port(port: Any) -> int | None:
    text = str(port.get("target", "")) if isinstance(port, dict) else str(port)
    found = re.search(r"(\d+)(?:/tcp)?$", text)
    return int(found[1]) if found else None


def _read_procfile(folder: Path) -> tuple[str, ...]:
    line = _last(r"(?m)^web:\s*(.+?)\s*$", _read(folder / "Procfile"))
    return ("sh", "-c", line) if line else ()


def _start_of(tool: str | None, port: int) -> tuple[str, ...]:
    starts = {
        "django": ("python", "manage.py", "runserver", "--noreload", str(port)),
        "rails": ("bin/rails", "server", "-p", str(port)),
    }
    return starts.get(tool or "", ())


def _npm_start(package: dict[str, Any]) -> tuple[str, ...]:
    scripts = package.get("scripts")
    return ("npm", "start") if isinstance(scripts, dict) and "start" in scripts else ()
