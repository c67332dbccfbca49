"""What containers ask for: no more than they may use."""

from typing import Any

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_container, each_settings
from ks_universal.model.checks.report import Report
from ks_universal.model.names import read_quantity
from ks_universal.values.nodes import Path

_ROUNDING = 1e-9
"""Amounts are compared as floats: `0.3` is `300m`."""


def check_resources(application: Application, report: Report) -> None:
    """Check the resources of all containers and migrations."""
    for place in each_container(application):
        _check(place.path, place.container.resources, report)
    for settings in each_settings(application):
        _check(settings.path, settings.settings.resources, report)


def _check(path: Path, resources: dict[str, Any] | None, report: Report) -> None:
    requests, limits = ((resources or {}).get(key, {}) for key in ("requests", "limits"))
    for name in requests.keys() & limits.keys():
        request, limit = requests[name], limits[name]
        if request != limit and read_quantity(request) > read_quantity(limit) * (1 + _ROUNDING):
            clause = "asks for more than the limit beside it"
            report.error("values/contradiction", (*path, "resources", "requests", name), clause, "raise the limit")
