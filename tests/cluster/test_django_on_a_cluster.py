"""Django's migrations against a real PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.plan.records import Outcome
from support.cluster_database import HOST, admin
from support.deploying import deploy, kubectl

PROJECT = {
    "requirements.txt": "django>=5.2,<5.3\npsycopg[binary]>=3.2\n",
    "manage.py": """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
""",
    "settings.py": """
import os
INSTALLED_APPS = ["stock"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["DB_HOST"],
    "PORT": os.environ["DB_PORT"], "NAME": "shop", "USER": "shop_owner", "PASSWORD": os.environ["DB_PASSWORD"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
""",
    "stock/__init__.py": "",
    "stock/models.py": "",
    "stock/migrations/__init__.py": "",
    "stock/migrations/0001_products.py": """
from django.db import migrations
class Migration(migrations.Migration):
    operations = [migrations.RunSQL("CREATE TABLE products (name text)", "DROP TABLE products")]
""",
    "stock/migrations/0002_sku.py": """
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [("stock", "0001_products")]
    operations = [migrations.RunSQL("ALTER TABLE products ADD sku text NOT NULL", "ALTER TABLE products DROP sku")]
""",
}


@pytest.fixture
def _image(make_image: Callable[[str, Path], None], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("django")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    make_image("django-stock:1", folder)


def values(port: int, migration: str) -> str:
    return f"""
configs:
  db: {{type: secret, data: {{DB_HOST: {HOST}, DB_PORT: "{port}", DB_PASSWORD: change-me}}}}
deployments:
  stock:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 0
      command: [python, manage.py]
      args: [migrate, --no-input, stock, "{migration}"]
    containers:
      main:
        image: django-stock
        imageTag: 1
        command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
        envFrom: [{{type: secret, configName: db}}]
"""


def applied(port: int) -> list[object]:
    """The names of the migrations that Django has noted as applied."""
    with admin(port) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM django_migrations ORDER BY id").fetchall()]


@pytest.mark.usefixtures("_image")
def test_djangos_migrations_run_and_the_one_that_fails_is_named_with_its_cause(
    namespace: str, tmp_path: Path, database: int
) -> None:
    first, events = deploy(namespace, values(database, "0001"), tmp_path)
    assert first.outcome is Outcome.SUCCEEDED
    assert "  Applying stock.0001_products... OK" in events.lines()
    with admin(database) as connection:
        connection.execute("INSERT INTO products VALUES ('lamp')")
    second, events = deploy(namespace, values(database, "0002"), tmp_path)
    assert second.outcome is Outcome.MIGRATION_FAILED
    assert second.failures[0].causes[0].code == "database/not-null-violation"
    assert applied(database) == ["0001_products"]
    assert "Applying stock.0002_sku..." in kubectl(namespace, "logs", "job/stock-migrations")
    assert "1 Failed" in kubectl(namespace, "describe", "job/stock-migrations")
