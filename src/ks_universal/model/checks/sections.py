"""What the simple sections need: configs, groups of secretRefs, claims."""

from ks_universal.model.application import Application
from ks_universal.model.checks.report import Report
from ks_universal.model.names import is_quantity
from ks_universal.model.sections import Config, ConfigType
from ks_universal.values.nodes import Path

_DATA = ("data", "stringData", "binaryData")
_NEEDED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_MOST_BYTES = 1024 * 1024
_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def check_sections(application: Application, report: Report) -> None:
    """Check configs, groups and claims."""
    for name, config in application.configs.items():
        _check_config(("configs", name), config, report)
    for group, entries in application.secret_refs.items():
        for index, entry in enumerate(entries):
            if entry.secret_key_ref is None and entry.value is None and entry.value_from is None:
                clause = "needs one of the keys 'secretKeyRef', 'value' and 'valueFrom'"
                report.error("values/missing-key", ("secretRefs", group, index), clause)
    _check_claims(application, report)


def _check_config(path: Path, config: Config, report: Report) -> None:
    if not any(report.is_written((*path, field)) for field in _DATA):
        report.missing(path, "data")
    seen: set[str] = set()
    for field, data in zip(_DATA, (config.data, config.string_data, config.binary_data), strict=True):
        for key in data.keys() & seen:
            report.error("names/duplicate", (*path, field, key), "is written twice in this config", key=True)
        seen |= data.keys()
    for key, text in config.binary_data.items():
        if not _is_base64(text):
            clause = "is no base64"
            report.error("values/wrong-type", (*path, "binaryData", key), clause, "write the output of 'base64 FILE'")
    size_bytes = _measure(config)
    if size_bytes > _MOST_BYTES:
        clause = f"holds {size_bytes} bytes; a ConfigMap or Secret takes {_MOST_BYTES}"
        report.error("kubernetes/too-large", path, clause, "put large files into the image or a volume", key=True)
    if config.type is not ConfigType.SECRET and report.is_written((*path, "secretType")):
        clause = "is only for secrets"
        report.error("values/contradiction", (*path, "secretType"), clause, "write 'type: secret'", key=True)
    for key in _NEEDED.get(config.secret_type, ()) if config.type is ConfigType.SECRET else ():
        if key not in seen:
            clause = f"needs the key '{key}', as its secretType says"
            report.error("values/missing-key", (*path, "data"), clause, key=True)


def _measure(config: Config) -> int:
    """Count bytes as the API server does: of the values alone, and of base64 what it stands for."""
    plain = (*config.data.values(), *config.string_data.values())
    encoded = ("".join(text.split()) for text in config.binary_data.values())
    return sum(len(text.encode()) for text in plain) + sum(
        len(text) * 3 // 4 - text[-2:].count("=") for text in encoded
    )


def _is_base64(text: str) -> bool:
    from binascii import Error, a2b_base64

    try:
        a2b_base64("".join(text.split()), strict_mode=True)
    except (Error, ValueError):
        return False
    return True


def _check_claims(application: Application, report: Report) -> None:
    for name, claim in application.persistent_volume_claims.items():
        path: Path = ("persistentVolumeClaims", name)
        requests = claim.kubernetes.get("resources", {}).get("requests", {})
        if claim.size is None and "storage" not in requests:
            report.missing(path, "size")
        if claim.size is not None and not is_quantity(claim.size):
            report.error("values/wrong-type", (*path, "size"), "must be an amount such as 500Mi or 10Gi")
        if not claim.access_modes:
            report.missing(path, "accessModes", "such as [ReadWriteOnce]")
        for index, mode in enumerate(claim.access_modes):
            if mode not in _ACCESS_MODES:
                near = report.suggest(mode, _ACCESS_MODES)
                report.error("values/unknown-value", (*path, "accessModes", index), "is no access mode", near)
