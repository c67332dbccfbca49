"""Tests with real tools of GitOps, on the cluster of KUBECONFIG (`make test-gitops`); without it they are left out."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cluster_fixtures import ksu as ksu
from support.cluster_fixtures import kubeconfig as kubeconfig
from support.cluster_fixtures import make_image as make_image
from support.cluster_fixtures import namespace as namespace
from support.unclosed import UNCLOSED

HERE = Path(__file__).parent

collect_ignore_glob = [] if "KUBECONFIG" in os.environ else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.gitops)
            item.add_marker(pytest.mark.filterwarnings(UNCLOSED))


@pytest.fixture(scope="session")
def kubectl(helm: str) -> str:
    """The path of a real kubectl: the one beside Helm, else that of PATH."""
    found = shutil.which("kubectl", path=f"{Path(helm).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("no kubectl: run tools/get_helm.py")
    return found


@pytest.fixture(scope="session")
def driver() -> Callable[[str], Path]:
    """Gives the path of a program of `drivers/` by its name; whoever comes first builds it."""
    from support.go_drivers import build_driver

    return lambda name: build_driver(HERE / "drivers" / name)
