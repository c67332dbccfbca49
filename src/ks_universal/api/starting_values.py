"""The commented values file that `init` writes, for each migration tool; in the texts the application is `my-app`."""

import msgspec

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
          value: jdbc:postgresql://$(DB_HOST):5432/$(DB_NAME)
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
STARTING_TOOLS = tuple(_MIGRATIONS)
_CONFIGS = """\
# An application whose database is migrated before a new version of it runs.
# What can be written where: ks-universal explain deployments.*.migrations

configs:
  # Becomes a ConfigMap; text stays as it is written.
  my-app-settings:
    type: configMap
    data:
      DB_HOST: postgresql
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
            value: postgresql://$(DB_USER):$(DB_PASSWORD)@$(DB_HOST):5432/$(DB_NAME)
        ports:
          http:
            containerPort: 8080
            servicePort: 80
        probes:
          readinessProbe:
            httpGet: {path: /, port: http}
        resources:
          requests: {cpu: 100m, memory: 128Mi}
          limits: {memory: 256Mi}
"""


def write_starting_values(tool: str, name: str, image: str) -> str:
    """Write values for an application called `name`, which `tool` (one of `STARTING_TOOLS`) migrates.

    Raises InputError for a name or an image that values cannot have.
    """
    migration = _MIGRATIONS[tool]
    parts = (_CONFIGS, migration.configs, _DEPLOYMENT, migration.keys, _CONTAINERS, migration.volumes)
    text = "".join(parts).replace("my-app", name).replace("image: IMAGE", _write_image(image))
    if problems := load(["-"], stdin=lambda: text).problems:
        raise InputError(problems)
    return text


def _write_image(image: str) -> str:
    repository, _, tag = image.rpartition(":")
    if "@" in image:
        return f"image: {image}"
    if not repository or "/" in tag:
        repository, tag = image, "1.0.0"
    return f"image: {repository}\n        imageTag: {tag}"
