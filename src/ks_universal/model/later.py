"""The keys of the format that this version does not do yet: each is a finding where it is written, never silence."""

from ks_universal.model.application import Application
from ks_universal.model.sections import Config, Generic
from ks_universal.model.workloads import Deployment, General
from ks_universal.values.nodes import Node, Scalar
from ks_universal.values.scalars import resolve

_DEPLOYMENT = frozenset(
    {
        "autoCreateCertificate",
        "autoCreateHttpRoute",
        "autoCreateIngress",
        "autoCreatePdb",
        "autoCreateServiceMonitor",
        "certificate",
        "hpa",
        "httpRoute",
        "ingress",
        "namespace",
        "pdb",
        "pdbConfig",
        "serviceMonitor",
    }
)
LATER: dict[type, frozenset[str]] = {
    Application: frozenset(
        {
            "cronJobs",
            "dexAuthenticators",
            "hpas",
            "httpRoutes",
            "ingresses",
            "jobs",
            "networkPolicies",
            "resourceQuotas",
        }
    ),
    Generic: frozenset(
        {
            "deploymentsGeneral",
            "dexAuthenticatorGeneral",
            "httpRoutesGeneral",
            "ingressesGeneral",
            "serviceMonitorGeneral",
        }
    ),
    Deployment: _DEPLOYMENT,
    General: _DEPLOYMENT | {"completions", "parallelism"},
    Config: frozenset({"binaryData", "immutable", "stringData"}),
}


def is_off(node: Node) -> bool:
    """Tell whether a value switches nothing on: null, false (also as a text), 0, or empty."""
    if not isinstance(node, Scalar):
        return not (node.entries if hasattr(node, "entries") else node.items)
    try:
        return resolve(node) in (None, False, 0, "", "false")
    except ValueError:
        return False
