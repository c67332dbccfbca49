"""What is known of the configs in these values, to those who refer to them."""

import msgspec

from ks_universal.model.application import Application
from ks_universal.model.checks.report import Report
from ks_universal.model.sections import ConfigType, each_key
from ks_universal.values.nodes import Path

KINDS = {ConfigType.CONFIG_MAP: "ConfigMap", ConfigType.SECRET: "Secret"}


class Reference(msgspec.Struct, frozen=True):
    """A ConfigMap or Secret that is named at `path`, and a key in it, at `key_path`."""

    path: Path
    kind: str
    name: str
    optional: bool = False
    key: str | None = None
    key_path: Path = ()


def check_reference(reference: Reference, application: Application, report: Report) -> None:
    """Check that a reference finds something, of the right kind, with the key."""
    config = application.configs.get(reference.name)
    if config is None:
        _check_outside(reference, application, report)
        return
    if KINDS[config.type] != reference.kind:
        clause = f"names the {reference.kind} '{reference.name}', but that config is a {KINDS[config.type]}"
        report.error("references/wrong-kind", reference.path, clause)
    elif reference.key is not None and reference.key not in each_key(config) and not reference.optional:
        clause = f"is no key of the config '{reference.name}'"
        report.error(
            "references/unknown-key", reference.key_path, clause, report.suggest(reference.key, each_key(config))
        )


def _check_outside(reference: Reference, application: Application, report: Report) -> None:
    """Report what these values do not have: the cluster may. A config that could not be typed has its own finding."""
    if not reference.name:
        report.error("references/missing-name", reference.path, f"names no {reference.kind}")
    elif not reference.optional and reference.name not in report.names_below("configs"):
        clause = f"names the {reference.kind} '{reference.name}', which these values do not contain"
        candidates = [name for name, config in application.configs.items() if KINDS[config.type] == reference.kind]
        near = report.suggest(reference.name, candidates) or ""
        hint = near if near.startswith("did") else "it must exist where the release runs"
        report.warn("references/unknown-config", reference.path, clause, hint)
