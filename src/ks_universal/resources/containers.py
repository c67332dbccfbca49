"""Containers (section 7 of the values reference) and the environment that they are given."""

from collections.abc import Iterable, Mapping, Sequence

from ks_universal.json_types import Json
from ks_universal.model.format.containers import Container, EnvFrom, EnvVar, Port
from ks_universal.model.format.images import image_reference, split_image
from ks_universal.model.format.sections import SecretRef

Groups = Mapping[str, Sequence[SecretRef]]
"""The groups of `secretRefs` by name."""


def build_container(name: str, container: Container, groups: Groups) -> Json:
    """Build a container with all that is written of it, Kubernetes' own fields included."""
    body = build_process(name, container, groups)
    if container.ports:
        body["ports"] = [_build_port(port_name, port) for port_name, port in container.ports.items()]
    body |= _present(
        livenessProbe=container.probes.liveness_probe,
        readinessProbe=container.probes.readiness_probe,
        startupProbe=container.probes.startup_probe,
        lifecycle=container.lifecycle,
    )
    return add_passed_through(body, container.kubernetes)


def build_process(name: str, container: Container, groups: Groups) -> Json:
    """Build the part of a container that says what runs and with what: no ports, probes or lifecycle."""
    body = _present(
        name=name,
        image=image_reference(container.image, container.image_tag),
        command=_list(container.command),
        args=_list(container.args),
    )
    env = build_env(container, groups)
    if env:
        body["env"] = env
    if container.env_from:
        body["envFrom"] = [_build_env_from(source) for source in container.env_from]
    if container.volume_mounts:
        body["volumeMounts"] = list(container.volume_mounts)
    return body | _present(resources=container.resources, securityContext=container.security_context)


def find_pull_policy(image: str) -> str:
    """Give the `imagePullPolicy` of a container that names none, as the API server fills it in."""
    _, tag, digest = split_image(image)
    return "IfNotPresent" if digest or tag not in ("", "latest") else "Always"


def add_passed_through(body: Json, fields: Json) -> Json:
    """Add fields that were written under Kubernetes' own names after ours, which win."""
    return {**body, **fields, **body} if fields else body


def build_init_containers(containers: Iterable[Container], groups: Groups) -> list[Json]:
    """Build containers that are written as a list, in order."""
    return [build_container(c.name or f"init-{n}", c, groups) for n, c in enumerate(containers, 1)]


def build_env(container: Container, groups: Groups) -> list[Json]:
    """Build the variables, each name once, the later word wins; groups first, so that `$(VAR)` can use them."""
    env = {entry.name: _build_secret_ref(entry) for group in container.secret_refs for entry in groups[group]}
    env.update({variable.name: _build_variable(variable) for variable in container.env})
    return list(env.values())


def _build_variable(variable: EnvVar) -> Json:
    if variable.value is None and variable.value_from is not None:
        return {"name": variable.name, "valueFrom": variable.value_from}
    if variable.value is None and variable.secret_key_ref is not None:
        return {"name": variable.name, "valueFrom": {"secretKeyRef": variable.secret_key_ref}}
    return {"name": variable.name, "value": variable.value or ""}


def _build_secret_ref(entry: SecretRef) -> Json:
    if entry.value is not None:
        return {"name": entry.name, "value": entry.value}
    return {"name": entry.name, "valueFrom": entry.value_from or {"secretKeyRef": entry.secret_key_ref}}


def _build_env_from(source: EnvFrom) -> Json:
    if source.config_name is None:
        return source.kubernetes
    reference = _present(name=source.config_name, optional=source.optional)
    return {**source.kubernetes, "secretRef" if source.type == "secret" else "configMapRef": reference}


def _build_port(name: str, port: Port) -> Json:
    return {"name": name, "containerPort": port.container_port, "protocol": port.protocol, **port.kubernetes}


def _list(items: tuple[str, ...] | None) -> list[str] | None:
    return None if items is None else list(items)


def _present(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
