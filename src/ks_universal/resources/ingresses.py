"""Ingresses, standalone ones and those of deployments (section 15 of the values reference)."""

from ks_universal.json_types import Json
from ks_universal.model.format.application import Application
from ks_universal.model.format.authenticators import choose_authenticator, default_name
from ks_universal.model.format.host_rules import HostRule, list_host_rules
from ks_universal.model.format.ingresses import Ingress, IngressPath
from ks_universal.model.format.ports import WEB, choose_port, find_ports
from ks_universal.model.format.workloads import Workload, secret_name
from ks_universal.resources.metadata import Scope, build_labels, build_metadata, within

_DEX = "nginx.ingress.kubernetes.io/auth-"


def build_ingress(scope: Scope, name: str, ingress: Ingress, application: Application) -> Json:
    """Build a standalone ingress."""
    served = list_host_rules(name, ingress, scope.generic, auto=False)
    return _build(within(scope, ingress.namespace), name, ingress, served, application)


def build_auto_ingress(scope: Scope, name: str, workload: Workload, application: Application) -> Json | None:
    """Build the ingress of a deployment that asks for one; with a certificate of its own it serves TLS with that."""
    if not workload.auto_create_ingress:
        return None
    ingress = workload.ingress or Ingress()
    served = list_host_rules(name, ingress, scope.generic, auto=True)
    body = _build(within(scope, ingress.namespace), name, ingress, served, application)
    hosts = [entry.host for entry in served if entry.host is not None]
    if workload.auto_create_certificate and hosts:
        body["spec"]["tls"] = [{"secretName": secret_name(name, workload.certificate), "hosts": hosts}]
    return body


def _build(scope: Scope, name: str, ingress: Ingress, served: tuple[HostRule, ...], application: Application) -> Json:
    general = scope.generic.ingresses_general
    spec: Json = {}
    class_name = general.ingress_class_name if ingress.ingress_class_name is None else ingress.ingress_class_name
    if class_name:
        spec["ingressClassName"] = class_name
    tls = general.tls if ingress.tls is None else ingress.tls
    if tls:
        spec["tls"] = list(tls)
    if served:
        spec["rules"] = [_build_rule(name, entry, application) for entry in served]
    labels = build_labels(scope, name, ingress.labels)
    metadata = build_metadata(scope, name, labels, general.annotations, ingress.annotations)
    if ingress.dex_authenticator.enabled:
        metadata["annotations"] = {**_ask(scope, ingress, application), **metadata.get("annotations", {})}
    spec.update({key: value for key, value in ingress.kubernetes.items() if key not in spec})
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _build_rule(name: str, served: HostRule, application: Application) -> Json:
    rule: Json = {} if served.host is None else {"host": served.host}
    rule["http"] = {"paths": [_build_path(name, path, application) for path in served.paths]}
    return rule


def _build_path(name: str, path: IngressPath, application: Application) -> Json:
    body: Json = {"path": path.path, "pathType": path.path_type}
    if "backend" not in path.kubernetes:
        service = path.service or name
        body["backend"] = {"service": {"name": service, "port": _find_port(service, path, application)}}
    return {**body, **path.kubernetes}


def _find_port(service: str, path: IngressPath, application: Application) -> Json:
    if path.port is not None:
        return {"number": path.port}
    if path.port_name is not None:
        return {"name": path.port_name}
    offer = choose_port(find_ports(application, service) or ())
    if offer is None:
        return {"name": WEB}
    return {"number": offer.number} if offer.name is None else {"name": offer.name}


def _ask(scope: Scope, ingress: Ingress, application: Application) -> dict[str, str]:
    """Give the annotations by which nginx asks a DexAuthenticator who is there."""
    general = scope.generic.dex_authenticator_general or application.dex_authenticator
    fallback = (default_name(application.name_override), scope.namespace or "default")
    chosen = choose_authenticator(ingress.dex_authenticator, general, application.dex_authenticators, fallback)
    host = f"{chosen.name}-dex-authenticator.{chosen.namespace}.svc.cluster.local"
    return {
        f"{_DEX}signin": "https://$host/dex-authenticator/sign_in",
        f"{_DEX}response-headers": "X-Auth-Request-User,X-Auth-Request-Email",
        f"{_DEX}url": f"https://{host}/dex-authenticator/auth",
    }
