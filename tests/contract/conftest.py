"""The contract of `engine.target.Target`: one suite, run at every place."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster_release import new_namespace
from support.contract_targets import Cluster, Containers, FakeCluster, Here, Memory, Place

CLUSTER = [pytest.param("cluster", marks=pytest.mark.cluster)] if "KUBECONFIG" in os.environ else []
ENGINE = [pytest.param("containers", marks=pytest.mark.containers)] if "KSU_TEST_ENGINE" in os.environ else []


@pytest.fixture(params=["memory", "local", "fake cluster", *ENGINE, *CLUSTER])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    match request.param:
        case "memory":
            yield Memory()
        case "local":
            yield Here(tmp_path)
        case "containers":
            yield Containers(tmp_path, os.environ["KSU_TEST_ENGINE"])
        case "fake cluster":
            yield FakeCluster(request.getfixturevalue("api_server"))
        case _:
            with new_namespace() as namespace:
                yield Cluster(namespace)
