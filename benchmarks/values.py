"""Writes values files with as many applications as asked for, each different from the next, always the same.

usage: values.py COUNT [everything] > values.yaml

With `everything`, each application asks for every object that a deployment can have made for it.
"""

import sys
from typing import Any

import yaml

_TRADES = ("billing", "catalog", "delivery", "identity", "ledger", "mailer", "orders", "pricing", "search", "stock")
_ROLES = ("api", "worker", "gateway", "sync", "web", "feed", "audit")
_GENERAL: dict[str, Any] = {
    "ingressesGeneral": {
        "domain": "apps.example.com",
        "ingressClassName": "nginx",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"},
    },
    "httpRoutesGeneral": {"parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}]},
    "serviceMonitorGeneral": {"labels": {"prometheus": "main"}, "interval": "30s", "scrapeTimeout": "10s"},
}
"""What the objects made for deployments share; beside the labels and annotations of all objects."""


def make_values(count: int, *, everything: bool = False) -> dict[str, Any]:
    """Make values with `count` applications: what they share, then each with its configuration."""
    names = [_name(number) for number in range(count)]
    configs: dict[str, Any] = {}
    for number, name in enumerate(names):
        configs |= _make_configs(number, name)
    generic = {"labels": {"team": "platform"}, "annotations": {"example.com/owner": "platform@example.com"}}
    deployments = {name: _make_deployment(number, name) for number, name in enumerate(names)}
    if everything:
        generic |= _GENERAL
        for number, deployment in enumerate(deployments.values()):
            deployment |= _make_companions(number)
    return {
        "generic": generic,
        "deploymentsGeneral": {
            "labels": {"tier": "backend"},
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "apps", "effect": "NoSchedule"}],
            "probes": {"readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 5}},
        },
        "configs": configs,
        "deployments": deployments,
    }


def write_values(count: int, *, everything: bool = False) -> str:
    """Write the values as YAML, the way people write it: blocks."""
    # C's dumper: the other one takes 20 seconds for 1,000 applications.
    values = make_values(count, everything=everything)
    text: str = yaml.dump(values, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=False)
    return text


def _name(number: int) -> str:
    return f"{_TRADES[number % len(_TRADES)]}-{_ROLES[number % len(_ROLES)]}-{number}"


def _make_configs(number: int, name: str) -> dict[str, Any]:
    settings = {f"OPTION_{key}": f"value {number + key}" for key in range(number % 4)}
    data = {"LOG_LEVEL": ("info", "debug", "warning")[number % 3], "DB_HOST": f"postgresql-{number % 7}", **settings}
    return {
        f"{name}-settings": {"type": "configMap", "data": data},
        f"{name}-db": {"type": "secret", "data": {"DB_USER": name, "DB_PASSWORD": f"pass-{number * 7919:x}"}},
    }


def _make_deployment(number: int, name: str) -> dict[str, Any]:
    deployment: dict[str, Any] = {
        "replicas": 1 + number % 4,
        "autoCreateService": True,
        "autoCreateServiceAccount": number % 2 == 0,
        "containers": {"main": _make_container(number, name)},
    }
    if number % 3 == 0:
        deployment["labels"] = {"stage": f"ring-{number % 5}"}
        deployment["securityContext"] = {"fsGroup": 1000 + number % 9}
    if number % 5 != 4:
        deployment["migrations"] = _make_migrations(number)
    return deployment


def _make_container(number: int, name: str) -> dict[str, Any]:
    ports: dict[str, Any] = {"http": {"containerPort": 8080, "servicePort": 80}}
    if number % 2:
        ports["metrics"] = {"containerPort": 9000 + number % 100}
    container: dict[str, Any] = {
        "image": f"registry.example.com/{name}",
        "imageTag": f"v1.{number % 20}.{number % 3}",
        "command": ["/app/server"],
        "ports": ports,
        "env": _make_env(number),
        "envFrom": [
            {"type": "configMap", "configName": f"{name}-settings"},
            {"type": "secret", "configName": f"{name}-db"},
        ],
        "resources": {
            "requests": {"cpu": f"{50 + number % 10 * 25}m", "memory": f"{128 + number % 8 * 32}Mi"},
            "limits": {"memory": f"{256 + number % 8 * 64}Mi"},
        },
    }
    if number % 4 == 1:
        container["probes"] = {"livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 2}}
    return container


def _make_env(number: int) -> list[dict[str, Any]]:
    settings = [{"name": f"SETTING_{key}", "value": f"{key}-{number}"} for key in range(1 + number % 6)]
    pod_ip = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return [{"name": "PORT", "value": 8080}, *settings, *([pod_ip] if number % 3 == 1 else [])]


def _make_migrations(number: int) -> dict[str, Any]:
    migrations: dict[str, Any] = {
        "enabled": True,
        "backoffLimit": number % 4,
        "env": [{"name": "MIGRATION_TIMEOUT", "value": "300"}],
    }
    if number % 4 == 2:
        steps = [{"name": "schema", "args": ["migrate", "schema"]}, {"name": "data", "args": ["migrate", "data"]}]
        return {**migrations, "steps": steps}
    return {**migrations, "args": ["migrate", "up"]}


def _make_companions(number: int) -> dict[str, Any]:
    """Make what asks for every object beside the Deployment, its Service and its configuration."""
    return {
        "autoCreateServiceAccount": True,
        "serviceAccountConfig": {"annotations": {"example.com/role": f"role-{number % 11}"}},
        "autoCreateSoftAntiAffinity": True,
        "migrations": _make_migrations(number),
        "autoCreateIngress": True,
        "ingress": _make_ingress(number),
        "autoCreateHttpRoute": True,
        "httpRoute": _make_route(number),
        "autoCreateCertificate": True,
        "certificate": {"issuer": "internal"} if number % 3 else {"clusterIssuer": "letsencrypt-staging"},
        "autoCreateServiceMonitor": True,
        "serviceMonitor": _make_monitor(number),
        "autoCreatePdb": True,
        "pdbConfig": {"minAvailable": f"{25 * (1 + number % 3)}%"} if number % 2 else {},
        "hpa": _make_autoscaler(number),
    }


def _make_ingress(number: int) -> dict[str, Any]:
    hosts: list[dict[str, Any]] = [{"subdomain": f"app-{number}", "paths": [{"path": "/"}]}]
    if number % 2:
        hosts.append({"host": f"www.app-{number}.example.org", "paths": [{"path": "/v1", "portName": "http"}]})
    return {"hosts": hosts, "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": f"{30 + number % 5}"}}


def _make_route(number: int) -> dict[str, Any]:
    match: dict[str, Any] = {"path": {"type": "PathPrefix", "value": f"/{number}"}}
    if number % 4 == 3:
        match["headers"] = [{"name": "X-Ring", "value": f"{number % 5}"}]
    return {"hostnames": [{"subdomain": f"route-{number}"}], "rules": [{"matches": [match]}]}


def _make_monitor(number: int) -> dict[str, Any]:
    if number % 2:
        return {"endpoints": [{"port": "metrics", "path": "/metrics", "interval": "15s"}, {"port": "http"}]}
    return {"path": "/metrics", "labels": {"ring": f"r{number % 5}"}}


def _make_autoscaler(number: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 60 + number % 4 * 10}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {"minReplicas": 1 + number % 3, "maxReplicas": 5 + number % 7, "metrics": metrics}


if __name__ == "__main__":
    sys.stdout.write(write_values(int(sys.argv[1]), everything=sys.argv[2:] == ["everything"]))
