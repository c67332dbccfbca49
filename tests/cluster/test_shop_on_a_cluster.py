"""The example with its Alembic migrations against a real PostgreSQL, which pods reach on this machine."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.api.values import load, render
from ks_universal.engine.run import run
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.kinds import POD
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
from ks_universal.values.overrides import Override
from support.cluster_database import HOST, admin
from support.cluster_release import LEASE_S, RELEASE, Events
from support.deploying import items, kubectl

SHOP = Path(__file__).parents[2] / "examples" / "shop"
NO_RETRY = "deployments.shop.migrations.backoffLimit=0"


@pytest.fixture(scope="module")
def images(make_image: Callable[[str, Path], None]) -> None:
    """The shop's images, in the node."""
    for version in ("1.0.0", "2.0.0"):
        make_image(f"shop:{version}", SHOP / "app")


def deploy(namespace: str, port: int, *files: str, sets: tuple[str, ...] = ()) -> tuple[Revision, Events]:
    words = ("configs.shop-settings.data.DB_HOST=" + HOST, f"configs.shop-settings.data.DB_PORT={port}", *sets)
    overrides = [Override("--set-string", word) for word in (*words, "deployments.shop.replicas=1")]
    rendered = render(load([str(SHOP / file) for file in files], overrides), RELEASE, namespace)
    events = Events()

    async def main() -> Revision:
        target = KubernetesTarget(Client(connect(), namespace), RELEASE, ClusterOptions(lease_s=LEASE_S))
        try:
            return await run(rendered, target, events.append, by="tests")
        finally:
            await target.close()

    return asyncio.run(main()), events


def codes(revision: Revision) -> list[str]:
    return [cause.code for failure in revision.failures for cause in failure.causes]


@pytest.mark.usefixtures("images")
def test_the_example_is_migrated_and_serves_and_its_broken_second_version_changes_nothing(
    namespace: str, database: int
) -> None:
    first, _ = deploy(namespace, database, "values.yaml")
    assert first.outcome is Outcome.SUCCEEDED
    page = "import urllib.request as r; print(r.urlopen('http://shop').read().decode())"
    assert "1.0.0" in kubectl(namespace, "exec", "deploy/shop", "--", "python", "-c", page)
    second, events = deploy(namespace, database, "values.yaml", "values.v2.yaml")
    assert second.outcome is Outcome.MIGRATION_FAILED
    assert second.failures[0].step == "shop/migrations/schema"
    assert codes(second)[0].startswith("database/")
    assert "1.0.0" in kubectl(namespace, "exec", "deploy/shop", "--", "python", "-c", page)
    assert "change-me" not in repr(events)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("sets", "code"),
    [
        (("configs.shop-credentials.data.DB_PASSWORD=wrong",), "database/authentication"),
        (("configs.shop-settings.data.DB_HOST=no-such-host",), "database/host-unknown"),
        (("configs.shop-settings.data.DB_NAME=nowhere",), "database/"),
    ],
)
def test_early_truth_errors_of_the_database_are_named(
    namespace: str, database: int, sets: tuple[str, ...], code: str
) -> None:
    more = (NO_RETRY, "deployments.shop.migrations.timeout=8s", *sets)
    revision, _ = deploy(namespace, database, "values.yaml", sets=more)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert any(found.startswith(code) for found in codes(revision)), codes(revision)
    assert items(namespace, POD) == [pod for pod in items(namespace, POD) if "migrations" in pod["metadata"]["name"]]


@pytest.mark.usefixtures("images")
def test_early_truth_a_table_that_somebody_has_locked_is_named(namespace: str, database: int) -> None:
    deploy(namespace, database, "values.yaml")
    with admin(database) as somebody, somebody.transaction():
        somebody.execute("LOCK TABLE products")
        revision, _ = deploy(namespace, database, "values.yaml", "values.v2.yaml", sets=(NO_RETRY,))
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert codes(revision)[0] == "database/lock-timeout"


@pytest.mark.usefixtures("images")
def test_early_truth_a_database_that_is_ahead_of_the_image_is_named(namespace: str, database: int) -> None:
    deploy(namespace, database, "values.yaml")
    with admin(database) as somebody:
        somebody.execute("UPDATE alembic_version SET version_num = 'schema_9'")
    revision, _ = deploy(namespace, database, "values.yaml", "values.v2.yaml", sets=(NO_RETRY,))
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert codes(revision)[0] == "migrations/revision-unknown"
