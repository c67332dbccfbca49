"""The cluster of these tests: that of KUBECONFIG (`make test-cluster` starts a node); without it they are left out."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.shell import Invoke, Outcome
from support.unclosed import UNCLOSED

HERE = Path(__file__).parent

# By file, why a test of it is tried once more when it fails. Whatever else fails once has failed.
ONCE_MORE = {
    "test_early_truth": "a minute for what kubelet retries with a growing delay, which depends on the load",
    "test_migrations": "the time limit of a migration runs while its pod is scheduled, which takes seconds under load",
    "test_old_pods": "pods end within a few seconds, which they don't beside two other tests that start and end pods",
    "test_one_off_jobs": "the deadline of a Job runs while its pod is scheduled, which takes seconds under load",
    "test_pods_that_wait": "a grace period of seconds, in which kubelet has to see what has changed meanwhile",
    "test_truth_of_attempts": "the seconds of an init container are compared, which the node starts late under load",
}

# Not even imported: that alone takes each process of a test run two seconds.
collect_ignore_glob = [] if "KUBECONFIG" in os.environ else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
            if item.path.name.removesuffix("_on_a_cluster.py") in ONCE_MORE:
                item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=20))
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
