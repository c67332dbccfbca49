"""The cluster of these tests: that of KUBECONFIG (`make test-cluster` starts a node); without it they are left out."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.unclosed import UNCLOSED

HERE = Path(__file__).parent

# Not even imported: that alone takes each process of a test run two seconds.
collect_ignore_glob = [] if "KUBECONFIG" in os.environ else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.filterwarnings(UNCLOSED))


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
