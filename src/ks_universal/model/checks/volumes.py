"""Volumes and mounts: what is mounted must be there, once."""

from ks_universal.json_types import Json
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import SettingsPlace, each_container, each_settings, each_workload
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import JobSettings, StatefulSet, Workload
from ks_universal.model.kubernetes.names import is_dns_label
from ks_universal.values.nodes import Path


def check_volumes(application: Application, report: Report) -> None:
    """Check the volumes and all mounts."""
    for path, workload in each_workload(application):
        _check_volumes((*path, "volumes"), workload.volumes, report)
    for settings in each_settings(application):
        _check_volumes((*settings.path, "volumes"), settings.settings.volumes, report)
        mounts = settings.settings.volume_mounts
        _check_mounts((*settings.path, "volumeMounts"), mounts, _names_for(settings), report)
    for place in each_container(application):
        names = _names_at(place.path, place.workload)
        _check_mounts((*place.path, "volumeMounts"), place.container.volume_mounts, names, report)
        devices = place.container.kubernetes.get("volumeDevices", ())
        for index, device in enumerate(devices):
            _check_name((*place.path, "volumeDevices", index, "name"), device.get("name", ""), names, report)


def _check_volumes(path: Path, volumes: tuple[Json, ...], report: Report) -> None:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        name = volume.get("name", "")
        below = (*path, index)
        if not is_dns_label(name):
            hint = "it takes lower-case letters, digits and '-', at most 63"
            report.error("names/invalid", (*below, "name"), "is no name that Kubernetes takes for a volume", hint)
        if name in seen:
            report.error("names/duplicate", (*below, "name"), f"is the second volume '{name}'")
        if len(volume.keys() - {"name"}) > 1:
            report.error("values/contradiction", below, "has several sources", "keep one")
        seen.add(name)


def _check_mounts(path: Path, mounts: tuple[Json, ...], names: list[str], report: Report) -> None:
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        if mount.keys() != {"mountPath"}:
            _check_name((*path, index, "name"), mount.get("name", ""), names, report)
        place = mount.get("mountPath", "")
        if place in seen:
            report.error("names/duplicate", (*path, index, "mountPath"), "is mounted twice in one container")
        seen.add(place)


def _check_name(path: Path, name: str, names: list[str], report: Report) -> None:
    if name not in names:
        clause = f"names the volume '{name}', which the pod does not have"
        report.error("references/unknown-volume", path, clause, report.suggest(name, names))


def _names_at(path: Path, workload: Workload | JobSettings) -> list[str]:
    """List the volumes of the pod in which a container runs."""
    names = _names(workload.volumes)
    if isinstance(workload, StatefulSet) and path[2] != "migrations":
        names += [template.name for template in workload.volume_claim_templates]
    if isinstance(workload, Workload) and path[2] == "migrations":
        names += _names(workload.migrations.volumes)
        if path[3] == "steps" and isinstance(path[4], int):
            names += _names(workload.migrations.steps[path[4]].volumes)
    return names


def _names_for(place: SettingsPlace) -> list[str]:
    names = _names(place.workload.volumes) + _names(place.workload.migrations.volumes)
    if place.settings is place.workload.migrations:
        # A mount that all steps share may be of a volume that each of them brings along.
        return names + [name for step in place.workload.migrations.steps for name in _names(step.volumes)]
    return names + _names(place.settings.volumes)


def _names(volumes: tuple[Json, ...]) -> list[str]:
    return [volume.get("name", "") for volume in volumes]
