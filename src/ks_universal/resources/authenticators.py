"""DexAuthenticators of Deckhouse, each with its certificate (section 24 of the values reference)."""

from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.model.format.application import Application
from ks_universal.model.format.authenticators import Authenticator, default_name
from ks_universal.model.format.workloads import secret_name
from ks_universal.resources.companions import build_certificate
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, within

_SECRET = "applicationIngressCertificateSecretName"  # noqa: S105 - a field's name


def build_authenticators(scope: Scope, application: Application) -> Iterator[Json]:
    """Build all authenticators of a release and their certificates, which are in the namespaces of these."""
    general = scope.generic.dex_authenticator_general
    for single in (general, application.dex_authenticator):
        if single is not None and single.enabled:
            yield from _build(scope, single.name or default_name(application.name_override), single)
    for name, authenticator in application.dex_authenticators.items():
        if authenticator.enabled is not False:
            yield from _build(scope, authenticator.name or name, authenticator)


def _build(release: Scope, name: str, authenticator: Authenticator) -> Iterator[Json]:
    scope = within(release, authenticator.namespace)
    domain = authenticator.kubernetes.get("applicationDomain", "")
    spec = {**_list_placement(scope), **authenticator.kubernetes}
    if authenticator.auto_create_certificate:
        spec.setdefault(_SECRET, secret_name(name, authenticator.certificate))
        yield build_certificate(scope, name, authenticator.certificate, authenticator.certificate.domains or (domain,))
    labels = build_labels(scope, name, authenticator.labels)
    metadata = build_metadata(scope, name, labels, authenticator.annotations)
    yield {"apiVersion": "deckhouse.io/v1", "kind": "DexAuthenticator", "metadata": metadata, "spec": spec}


def _list_placement(scope: Scope) -> Json:
    general = scope.generic.deployments_general
    fields = {"nodeSelector": general.node_selector, "tolerations": list(general.tolerations)}
    return {key: value for key, value in fields.items() if value}
