"""Fixtures of the tests on a cluster, for the conftests of their folders.

Nothing that talks to a cluster is imported before a test needs it: that alone takes each process of a run two seconds.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.shell import Invoke, Outcome


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The path of the cluster's kubeconfig."""
    return os.environ["KUBECONFIG"]


@pytest.fixture
def namespace(kubeconfig: str) -> Iterator[str]:
    """A namespace of the test's own."""
    from support.cluster_release import new_namespace

    with new_namespace(kubeconfig) as name:
        yield name


@pytest.fixture
def ksu(namespace: str, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Runs a command in this process, in the test's namespace."""
    from ks_universal.cli import run

    def invoke(*arguments: str, stdin: str = "") -> Outcome:
        assert stdin == ""
        status = run([*arguments, "-n", namespace])
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return invoke


@pytest.fixture
def database(tmp_path: Path) -> Iterator[int]:
    """A PostgreSQL that listens where pods reach it; gives its port."""
    from support.cluster_database import serve_database

    with serve_database(tmp_path) as port:
        yield port


@pytest.fixture(scope="session")
def make_image(kubeconfig: str) -> Callable[[str, Path], None]:
    """Puts images into the project's own node: see `cluster_database.make_image`."""
    from support import cluster_database

    if kubeconfig != str(cluster_database.STATE / "kubeconfig"):
        pytest.skip("images are made for the project's own node only")
    return cluster_database.make_image
