"""The cluster of these tests: that of KUBECONFIG (`make test-cluster` starts a node); without it they are left out."""

import os
from pathlib import Path

import pytest

from support.cluster_fixtures import database as database
from support.cluster_fixtures import ksu as ksu
from support.cluster_fixtures import kubeconfig as kubeconfig
from support.cluster_fixtures import make_image as make_image
from support.cluster_fixtures import namespace as namespace
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
