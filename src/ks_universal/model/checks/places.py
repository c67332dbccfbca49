"""The places of an application at which the same kind of thing is written, with their paths."""

from collections.abc import Iterator
from typing import NamedTuple

from ks_universal.model.application import Application
from ks_universal.model.containers import Container
from ks_universal.model.migrations import MigrationSettings
from ks_universal.model.workloads import Deployment
from ks_universal.values.nodes import Path


class ContainerPlace(NamedTuple):
    """A container where it is written. `name` is None for an unnamed init container."""

    path: Path
    name: str | None
    container: Container
    owner: str
    deployment: Deployment


class SettingsPlace(NamedTuple):
    """What is said of migrations at one place: of all of them, or of a step."""

    path: Path
    settings: MigrationSettings
    owner: str
    deployment: Deployment


def each_main_container(application: Application) -> Iterator[ContainerPlace]:
    """Walk the containers that make up the applications."""
    for owner, deployment in application.deployments.items():
        for name, container in deployment.containers.items():
            yield ContainerPlace(("deployments", owner, "containers", name), name, container, owner, deployment)


def each_init_container(application: Application) -> Iterator[ContainerPlace]:
    """Walk the init containers, of deployments, migrations and steps."""
    for owner, deployment in application.deployments.items():
        path: Path = ("deployments", owner)
        for index, container in enumerate(deployment.init_containers):
            yield ContainerPlace((*path, "initContainers", index), container.name, container, owner, deployment)
    for place in each_settings(application):
        for index, container in enumerate(place.settings.init_containers or ()):
            below = (*place.path, "initContainers", index)
            yield ContainerPlace(below, container.name, container, place.owner, place.deployment)


def each_container(application: Application) -> Iterator[ContainerPlace]:
    """Walk all containers."""
    yield from each_main_container(application)
    yield from each_init_container(application)


def each_settings(application: Application) -> Iterator[SettingsPlace]:
    """Walk what is said of migrations, of those that are off, too."""
    for owner, deployment in application.deployments.items():
        path: Path = ("deployments", owner, "migrations")
        yield SettingsPlace(path, deployment.migrations, owner, deployment)
        for index, step in enumerate(deployment.migrations.steps):
            yield SettingsPlace((*path, "steps", index), step, owner, deployment)
