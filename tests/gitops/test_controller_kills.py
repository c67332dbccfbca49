"""The controller, killed at fifty moments while it carries out fifty releases at once: each migration runs once."""

import random
import time
from collections.abc import Iterator
from functools import partial

import pytest

from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, LEASE
from support.cluster_release import wait_until
from support.controller_pods import (
    CONTROLLER,
    Controller,
    apply,
    describe_release,
    describe_values,
    install,
    is_ready,
    let_go,
    make_controller_image,
    read_effects,
    read_releases,
)
from support.deploying import get, items

MANY = 50
KILLS = 50
NAMES = [f"app-{number}" for number in range(MANY)]
LATE_S = 1200


@pytest.fixture
def controller(kubeconfig: str, namespace: str) -> Iterator[Controller]:
    """One pod, whose process a shell starts again."""
    from support import cluster_database

    if kubeconfig != str(cluster_database.STATE / "kubeconfig"):
        pytest.skip("images are made for the project's own node only")
    with install(make_controller_image(), [namespace], "--concurrency=8", replicas=1, restarting=True) as installed:
        yield installed
    let_go(namespace)


def find_holder(controller: Controller) -> str:
    lease = get(controller.namespace, LEASE, CONTROLLER)
    return "" if lease is None else str(lease["spec"].get("holderIdentity") or "")


def is_another(controller: Controller, holder: str) -> bool:
    """Tell whether another process leads."""
    return find_holder(controller) not in ("", holder)


def change_all(namespace: str, version: str) -> None:
    """Give all releases another version; every tenth has a pod."""
    values = {name: describe_values(namespace, name, version, replicas=int(name[-1] == "0")) for name in NAMES}
    apply([describe_release(namespace, name, of_name) for name, of_name in values.items()])


def are_ready(namespace: str) -> bool:
    releases = read_releases(namespace)
    return len(releases) == MANY and all(map(is_ready, releases.values()))


@pytest.mark.timeout(2 * LATE_S)
def test_fifty_releases_at_once_while_the_controller_is_killed_at_fifty_moments(
    controller: Controller, namespace: str
) -> None:
    chance = random.Random(15)
    kills, version = 0, 0
    while kills < KILLS:
        version += 1
        change_all(namespace, f"v{version}")
        while kills < KILLS and not are_ready(namespace):
            holder = find_holder(controller)
            time.sleep(chance.uniform(0, 3))
            controller.kill()
            kills += 1
            # Else it would be killed before it has begun where it begins slowly, and nothing would go on.
            wait_until(partial(is_another, controller, holder), within_s=120)
        ends_at = time.monotonic() + LATE_S
        while not are_ready(namespace):
            assert time.monotonic() < ends_at, controller.read_log()
            time.sleep(1)
    once = [f"v{number} {word}" for number in range(1, version + 1) for word in ("begin", "end")]
    assert {name: notes for name in NAMES if (notes := read_effects(namespace, name)) != once} == {}
    assert len(items(namespace, DEPLOYMENT)) == MANY
