"""The commented values files that `init` writes, for each migration tool; in the texts the application is `my-app`."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ks_universal.api.found_project import FoundProject
from ks_universal.api.values import load
from ks_universal.errors import InputError


class _Migration(msgspec.Struct, frozen=True):
    """How a tool migrates: the keys of `migrations`, and what it needs in `configs` and beside `migrations`."""

    keys: str
    configs: str = ""
    volumes: str = ""


_SCRIPTS_VOLUME = """\

    # The SQL files; only what mounts them has them.
    volumes:
      - name: sql
        configMap: {name: my-app-sql}
"""
_MIGRATIONS = {
    "alembic": _Migration("""\
      command: [alembic]
      args: [upgrade, head]
      # What undoes it, for 'ks-universal rollback --migrate-down'.
      rollback:
        args: [downgrade, "-1"]
"""),
    "django": _Migration("""\
      command: [python, manage.py]
      args: [migrate, --noinput]
"""),
    "flyway": _Migration(
        """\
      # Flyway's own image, with the SQL files of my-app-sql. An image of yours with these files does as well.
      image: flyway/flyway
      imageTag: 11-alpine
      command: [flyway]
      args: [migrate]
      env:
        - name: FLYWAY_URL
          value: jdbc:postgresql://$(DB_HOST):$(DB_PORT)/$(DB_NAME)
        - name: FLYWAY_USER
          value: $(DB_USER)
        - name: FLYWAY_PASSWORD
          value: $(DB_PASSWORD)
      volumeMounts:
        - name: sql
          mountPath: /flyway/sql
""",
        """\
  my-app-sql:
    type: configMap
    data:
      V1__create_users.sql: |
        CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
""",
        _SCRIPTS_VOLUME,
    ),
    "golang-migrate": _Migration(
        """\
      # The tool's own image, with the SQL files of my-app-sql. An image of yours with these files does as well.
      image: migrate/migrate
      imageTag: v4.18.3
      command: [migrate]
      args: [-path=/migrations, -database=$(DATABASE_URL), up]
      # What undoes it, for 'ks-universal rollback --migrate-down'.
      rollback:
        args: [-path=/migrations, -database=$(DATABASE_URL), down, "1"]
      volumeMounts:
        - name: sql
          mountPath: /migrations
""",
        """\
  my-app-sql:
    type: configMap
    data:
      1_create_users.up.sql: |
        CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
      1_create_users.down.sql: |
        DROP TABLE users;
""",
        _SCRIPTS_VOLUME,
    ),
    "prisma": _Migration("""\
      command: [npx, prisma]
      args: [migrate, deploy]
"""),
    "rails": _Migration("""\
      command: [bin/rails]
      args: [db:migrate]
      # What undoes it, for 'ks-universal rollback --migrate-down'.
      rollback:
        args: [db:rollback]
"""),
}
STARTING_TOOLS = (*_MIGRATIONS, "other")
_OTHER = """\
      command: COMMAND
"""
_LOCAL = """\
# How 'ks-universal up' runs it on this machine; laid over values.yaml.
# What can be written here: ks-universal explain local

local:
  # An embedded PostgreSQL, which the first 'up' makes.
  postgres: {}
  env:
    DB_HOST: $(LOCAL_POSTGRES_HOST)
    DB_PORT: $(LOCAL_POSTGRES_PORT)
    DB_NAME: $(LOCAL_POSTGRES_DATABASE)
    DB_USER: $(LOCAL_POSTGRES_USER)
    DB_PASSWORD: $(LOCAL_POSTGRES_PASSWORD)
  images:
    IMAGE:
      # Where its processes run, relative to this file.
      directory: .
"""
_LOCAL_DEPLOYMENT = """\

deployments:
  my-app:
"""
_LOCAL_CONTAINER = """\
    containers:
      main:
        # How it starts here, where its image is not asked.
"""
_PLACEHOLDER = """\
        # This stands for your application until you say how it starts.
"""
_LOCAL_MIGRATIONS = {
    "flyway": """\
    migrations:
      args: [migrate, "-locations=filesystem:SQL"]
      volumeMounts: []
    volumes: []
""",
    "golang-migrate": """\
    migrations:
      args: [-path=SQL, -database=$(DATABASE_URL)?sslmode=disable, up]
      volumeMounts: []
    volumes: []
""",
}
_TOOL_IMAGES = {"flyway": "flyway/flyway", "golang-migrate": "migrate/migrate"}
_PROGRAMS = {
    "alembic": "alembic",
    "django": "python",
    "flyway": "flyway",
    "golang-migrate": "migrate",
    "prisma": "npx",
    "rails": "bin/rails",
}
_FILES = {"alembic": "alembic.ini", "django": "manage.py", "prisma": "prisma/schema.prisma", "rails": "bin/rails"}
_CONFIGS = """\
# An application whose database is migrated before a new version of it runs.
# What can be written where: ks-universal explain deployments.*.migrations

configs:
  # Becomes a ConfigMap; text stays as it is written.
  my-app-settings:
    type: configMap
    data:
      DB_HOST: postgresql
      DB_PORT: "5432"
      DB_NAME: app
  # Becomes a Secret. This is plain text: give the real password from elsewhere, such as by
  # --set-file configs.my-app-database.data.DB_PASSWORD=FILE
  my-app-database:
    type: secret
    data:
      DB_USER: app
      DB_PASSWORD: change-me
"""
_DEPLOYMENT = """\

deployments:
  my-app:
    replicas: 2
    # Makes a Service with the ports of the containers.
    autoCreateService: true

    # Runs to its end before the new version starts. If it fails, the old version stays as it is.
    migrations:
      enabled: true
"""
_CONTAINERS = """\
      # How often a failed attempt is repeated, and how long all of them may take.
      backoffLimit: 1
      timeout: 10m

    containers:
      # The migration runs with this container's image and environment, and without its ports and probes.
      main:
        image: IMAGE
        envFrom:
          - type: configMap
            configName: my-app-settings
          - type: secret
            configName: my-app-database
        env:
          - name: DATABASE_URL
            value: postgresql://$(DB_USER):$(DB_PASSWORD)@$(DB_HOST):$(DB_PORT)/$(DB_NAME)
        ports:
          http:
            containerPort: PORT
            servicePort: 80
        probes:
          # It answers; `httpGet: {path: /healthz, port: http}` would tell more.
          readinessProbe:
            tcpSocket: {port: http}
        resources:
          requests: {cpu: 100m, memory: 128Mi}
          limits: {memory: 256Mi}
"""


def write_starting_values(
    tool: str, name: str, image: str, *, port: int = 8080, migration: Sequence[str] = ("migrate",)
) -> str:
    """Write values for an application called `name`, which `tool` (one of `STARTING_TOOLS`) migrates.

    `migration` is the command of a tool that is `other`. Raises InputError for a name or an image that values cannot
    have.
    """
    chosen = _MIGRATIONS.get(tool) or _Migration(_OTHER.replace("COMMAND", _write_words(migration)))
    parts = (_CONFIGS, chosen.configs, _DEPLOYMENT, chosen.keys, _CONTAINERS, chosen.volumes)
    text = "".join(parts).replace("my-app", name).replace("image: IMAGE", _write_image(image))
    text = text.replace("containerPort: PORT", f"containerPort: {port}")
    if problems := load(["-"], stdin=lambda: text).problems:
        raise InputError(problems)
    return text


def write_local_values(tool: str, name: str, image: str, project: FoundProject) -> str:
    """Write what `up` needs beside the values of `write_starting_values`, for the files of a project."""
    placeholder = ("python3", "-m", "http.server", str(project.port))
    path = f'      env: {{PATH: "{":".join(project.paths)}:$(PATH)"}}\n' if project.paths else ""
    command = f"        command: {_write_words(project.command or placeholder)}\n"
    images = (_name_repository(image), *((_TOOL_IMAGES[tool],) if tool in _TOOL_IMAGES else ()))
    first, *others = (f"    {each}:\n" for each in images)
    return "".join(
        (
            _LOCAL.replace("    IMAGE:\n", first),
            path,
            *(f"{other}      directory: .\n" for other in others),
            _LOCAL_DEPLOYMENT.replace("my-app", name),
            _LOCAL_MIGRATIONS.get(tool, "").replace("SQL", project.sql),
            _LOCAL_CONTAINER,
            "" if project.command else _PLACEHOLDER,
            command,
        )
    )


def find_missing(tool: str, project: FoundProject, folder: Path) -> tuple[str, ...]:
    """Find what `up` would look for in vain: files of the tool, and programs on PATH or in the project."""
    program = project.migration[0] if tool == "other" and project.migration else _PROGRAMS.get(tool, "sh")
    path = os.pathsep.join((*(str(folder / each) for each in project.paths), os.environ.get("PATH", "")))
    programs = dict.fromkeys((program, *project.command[:1]))
    files = [_FILES[tool]] if tool in _FILES else [project.sql] if tool in _LOCAL_MIGRATIONS else []
    missing = (
        *(file for file in files if not (folder / file).exists()),
        *(each for each in programs if shutil.which(str(folder / each) if "/" in each else each, path=path) is None),
    )
    return tuple(dict.fromkeys(missing))


def _write_words(words: Sequence[str]) -> str:
    return f"[{', '.join(msgspec.json.encode(word).decode() for word in words)}]"


def _name_repository(image: str) -> str:
    """Name an image without its tag or digest."""
    repository, _, tag = image.partition("@")[0].rpartition(":")
    return image.partition("@")[0] if not repository or "/" in tag else repository


def _write_image(image: str) -> str:
    repository, _, tag = image.rpartition(":")
    if "@" in image:
        return f"image: {image}"
    if not repository or "/" in tag:
        repository, tag = image, "1.0.0"
    return f"image: {repository}\n        imageTag: {tag}"
