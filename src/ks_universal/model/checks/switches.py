"""What is written for an object that nothing asks for: it would be ignored without a word."""

from ks_universal.model.application import Application
from ks_universal.model.checks.report import Report
from ks_universal.values.nodes import Mapping, Path, find
from ks_universal.values.scalars import is_null

_SWITCHES = (
    ("ingress", "autoCreateIngress", "auto_create_ingress"),
    ("httpRoute", "autoCreateHttpRoute", "auto_create_http_route"),
    ("certificate", "autoCreateCertificate", "auto_create_certificate"),
    ("pdbConfig", "autoCreatePdb", "auto_create_pdb"),
    ("serviceConfig", "autoCreateService", "auto_create_service"),
)


def check_switches(application: Application, report: Report) -> None:
    """Find settings of a deployment whose flag is neither on nor written as off."""
    for name, deployment in application.deployments.items():
        written = find(report.tree, ("deployments", name))
        if not isinstance(written, Mapping):
            continue
        for key, flag, field in _SWITCHES:
            node = written.entries.get(key)
            if (
                node is not None
                and not is_null(node)
                and flag not in written.entries
                and not getattr(deployment, field)
            ):
                path: Path = ("deployments", name, key)
                report.warn("values/not-enabled", path, "is not used", f"add '{flag}: true'", key=True)
