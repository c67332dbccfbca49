"""Takes an application and its database safely from one version to the next on Kubernetes.

What the command line does, a program does with these functions:

    import ks_universal

    values = ks_universal.load(["values.yaml"])
    rendered = ks_universal.render(values, "my-app", "production")
    print(ks_universal.template(rendered), end="")

Names are imported when they are first used: a program that only validates does not pay for the rest.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ks_universal.api.cluster import (
        deploy,
        migrate,
        open_cluster,
        preview,
        read_revisions,
        read_status,
        rollback,
        uninstall,
    )
    from ks_universal.api.explain import explain_code
    from ks_universal.api.local import down, open_local, up
    from ks_universal.api.values import (
        Values,
        check_for_run,
        check_for_version,
        check_pod_security,
        load,
        render,
        template,
        validate,
    )
    from ks_universal.diagnostics import Position, Problem, Severity
    from ks_universal.errors import (
        InputError,
        KsUniversalError,
        LockedError,
        TargetError,
    )
    from ks_universal.finding_codes import FindingCode
    from ks_universal.manifest.flavors import Flavor
    from ks_universal.resources.objects import Rendered
    from ks_universal.values.overrides import Override

__version__ = "0.1.0"

__all__ = [
    "FindingCode",
    "Flavor",
    "InputError",
    "KsUniversalError",
    "LockedError",
    "Override",
    "Position",
    "Problem",
    "Rendered",
    "Severity",
    "TargetError",
    "Values",
    "check_for_run",
    "check_for_version",
    "check_pod_security",
    "deploy",
    "down",
    "explain_code",
    "load",
    "migrate",
    "open_cluster",
    "open_local",
    "preview",
    "read_revisions",
    "read_status",
    "render",
    "rollback",
    "template",
    "uninstall",
    "up",
    "validate",
]

_HOMES = {
    "ks_universal.api.cluster": (
        "deploy",
        "migrate",
        "open_cluster",
        "preview",
        "read_revisions",
        "read_status",
        "rollback",
        "uninstall",
    ),
    "ks_universal.api.explain": ("explain_code",),
    "ks_universal.api.local": (
        "down",
        "open_local",
        "up",
    ),
    "ks_universal.api.values": (
        "Values",
        "check_for_run",
        "check_for_version",
        "check_pod_security",
        "load",
        "render",
        "template",
        "validate",
    ),
    "ks_universal.diagnostics": ("Position", "Problem", "Severity"),
    "ks_universal.errors": (
        "InputError",
        "KsUniversalError",
        "LockedError",
        "TargetError",
    ),
    "ks_universal.finding_codes": ("FindingCode",),
    "ks_universal.manifest.flavors": ("Flavor",),
    "ks_universal.resources.objects": ("Rendered",),
    "ks_universal.values.overrides": ("Override",),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
