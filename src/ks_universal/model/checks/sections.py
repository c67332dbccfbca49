"""What the simple sections need: configs, groups of secretRefs, claims."""

from ks_universal.model.application import Application
from ks_universal.model.checks.report import Report
from ks_universal.values.nodes import Path

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def check_sections(application: Application, report: Report) -> None:
    """Check configs, groups and claims."""
    for name in application.configs:
        if not report.is_written(("configs", name, "data")):
            report.error("values/missing-key", ("configs", name), "needs the key 'data'", key=True)
    for group, entries in application.secret_refs.items():
        for index, entry in enumerate(entries):
            if entry.secret_key_ref is None and entry.value is None and entry.value_from is None:
                clause = "needs one of the keys 'secretKeyRef', 'value' and 'valueFrom'"
                report.error("values/missing-key", ("secretRefs", group, index), clause)
    _check_claims(application, report)


def _check_claims(application: Application, report: Report) -> None:
    for name, claim in application.persistent_volume_claims.items():
        path: Path = ("persistentVolumeClaims", name)
        requests = claim.kubernetes.get("resources", {}).get("requests", {})
        if claim.size is None and "storage" not in requests:
            report.error("values/missing-key", path, "needs the key 'size'", key=True)
        if not claim.access_modes:
            hint = "such as [ReadWriteOnce]"
            report.error("values/missing-key", path, "needs the key 'accessModes'", hint, key=True)
        for index, mode in enumerate(claim.access_modes):
            if mode not in _ACCESS_MODES:
                near = report.suggest(mode, _ACCESS_MODES)
                report.error("values/unknown-value", (*path, "accessModes", index), "is no access mode", near)
