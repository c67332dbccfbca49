"""The places of an application at which the same kind of thing is written, with their paths."""

from collections.abc import Iterator

import msgspec

from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Container
from ks_universal.model.format.migrations import MigrationSettings
from ks_universal.model.format.workloads import JobSettings, Workload
from ks_universal.values.nodes import Path


class ContainerPlace(msgspec.Struct, frozen=True):
    """A container where it is written. `name` is None for an unnamed init container."""

    path: Path
    name: str | None
    container: Container
    workload: Workload | JobSettings


class SettingsPlace(msgspec.Struct, frozen=True):
    """What is said of migrations at one place: of all of them, or of a step."""

    path: Path
    settings: MigrationSettings
    owner: str
    workload: Workload


def each_workload(application: Application) -> Iterator[tuple[Path, Workload | JobSettings]]:
    """Walk everything that runs pods, but migrations."""
    for name, workload in application.workloads.items():
        yield application.find_path(name), workload
    yield from each_job(application)


def each_job(application: Application) -> Iterator[tuple[Path, JobSettings]]:
    """Walk jobs and cron jobs."""
    for name, job in application.jobs.items():
        yield ("jobs", name), job
    for name, cron_job in application.cron_jobs.items():
        yield ("cronJobs", name), cron_job


def each_main_container(application: Application) -> Iterator[ContainerPlace]:
    """Walk the containers that make up the applications and jobs."""
    for path, workload in each_workload(application):
        for name, container in workload.containers.items():
            yield ContainerPlace((*path, "containers", name), name, container, workload)


def each_init_container(application: Application) -> Iterator[ContainerPlace]:
    """Walk the init containers, of deployments, jobs, migrations and steps."""
    for path, workload in each_workload(application):
        for index, container in enumerate(workload.init_containers):
            yield ContainerPlace((*path, "initContainers", index), container.name, container, workload)
    for place in each_settings(application):
        for index, container in enumerate(place.settings.init_containers or ()):
            below = (*place.path, "initContainers", index)
            yield ContainerPlace(below, container.name, container, place.workload)
        for index, sidecar in enumerate(place.settings.sidecars or ()):
            if sidecar.image:
                yield ContainerPlace((*place.path, "sidecars", index), sidecar.name, sidecar, place.workload)


def each_container(application: Application) -> Iterator[ContainerPlace]:
    """Walk all containers."""
    yield from each_main_container(application)
    yield from each_init_container(application)


def each_settings(application: Application) -> Iterator[SettingsPlace]:
    """Walk what is said of migrations, of those that are off, too."""
    for owner, workload in application.workloads.items():
        path: Path = (*application.find_path(owner), "migrations")
        yield SettingsPlace(path, workload.migrations, owner, workload)
        for index, step in enumerate(workload.migrations.steps):
            yield SettingsPlace((*path, "steps", index), step, owner, workload)
