"""The cluster of these tests: that of KUBECONFIG (`make test-cluster` starts a node); without it they are left out."""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

LEFT_OUT = pytest.StashKey[int]()
WANTED = "KUBECONFIG" in os.environ


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    for item in ours:
        item.add_marker(pytest.mark.cluster)
    if not WANTED:
        config.stash[LEFT_OUT] = len(ours)
        items[:] = [item for item in items if item not in ours]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out} tests left out: no cluster (`make test-cluster`, or set KUBECONFIG)")


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The path of the cluster's kubeconfig."""
    return os.environ["KUBECONFIG"]


@pytest.fixture
def namespace(kubeconfig: str) -> Iterator[str]:
    """A namespace of the test's own."""
    from cluster_release import api
    from ks_universal.targets.kubernetes.kinds import NAMESPACE, SERVICE_ACCOUNT

    name = f"test-{uuid.uuid4().hex[:8]}"

    async def create() -> None:
        async with api(name, kubeconfig) as client:
            await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            while await client.get(SERVICE_ACCOUNT, "default") is None:  # its pods would be refused until it is there
                await asyncio.sleep(0.05)

    async def delete() -> None:
        async with api(name, kubeconfig) as client:
            await client.delete(NAMESPACE, name)

    asyncio.run(create())
    yield name
    asyncio.run(delete())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[int]:
    """A PostgreSQL that listens where pods reach it; gives its port."""
    from cluster_database import serve_database

    with serve_database(tmp_path) as port:
        yield port


@pytest.fixture(scope="session")
def make_image(kubeconfig: str) -> Callable[[str, Path], None]:
    """Puts images into the project's own node: see `cluster_database.make_image`."""
    import cluster_database

    if kubeconfig != str(cluster_database.STATE / "kubeconfig"):
        pytest.skip("images are made for the project's own node only")
    return cluster_database.make_image
