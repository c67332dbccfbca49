"""The cluster of these tests: that of KUBECONFIG (`make test-cluster` starts a node); without it they are left out."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

WANTED = "KUBECONFIG" in os.environ
# httpcore2 leaves the socket of a TLS handshake that is cancelled (`start_tls` closes it after errors alone), until the
# garbage collector finds it in whatever test runs then.
UNCLOSED = (
    "ignore:Exception ignored in. <(function _SelectorTransport|socket.socket):pytest.PytestUnraisableExceptionWarning"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.filterwarnings(UNCLOSED))
    if not WANTED:
        items[:] = [item for item in items if item not in ours]


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
