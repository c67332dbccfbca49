"""From the typed application to all Kubernetes objects of a release: the order in which they are to be applied."""

from collections.abc import Iterator

from ks_universal.model.application import Application
from ks_universal.model.migrations import Step, effective_steps
from ks_universal.model.sections import ConfigType
from ks_universal.resources.accounts import build_account
from ks_universal.resources.claims import build_claim
from ks_universal.resources.configs import build_config
from ks_universal.resources.deployments import build_deployment
from ks_universal.resources.metadata import Scope
from ks_universal.resources.migrations import Subject, build_migration
from ks_universal.resources.network_policies import build_network_policy
from ks_universal.resources.objects import Identity, Json, Migration, Rendered, Resource, identity
from ks_universal.resources.services import build_auto_service, build_service


def build_objects(application: Application, release: str, namespace: str) -> Rendered:
    """Build all objects of a release.

    `application` must have no findings that are errors. An empty `namespace` is left out of the objects. Objects come
    in apply order (accounts, Secrets, ConfigMaps, claims, network policies, Services, Deployments), each kind in the
    order written; migrations in run order. Equal input gives equal objects, key order included.
    """
    scope = Scope(release, namespace, application.generic)
    migrations = list(_build_migrations(scope, application))
    resources = [
        *_build_accounts(scope, application),
        *_build_configs(scope, application, ConfigType.SECRET),
        *_build_configs(scope, application, ConfigType.CONFIG_MAP),
        *(Resource(build_claim(scope, name, c)) for name, c in application.persistent_volume_claims.items()),
        *_build_network_policies(migrations),
        *_build_services(scope, application),
        *(Resource(build_deployment(scope, n, d, application), n) for n, d in application.deployments.items()),
    ]
    return Rendered(release, namespace, tuple(resources), tuple(migration for _, migration in migrations))


def _build_accounts(scope: Scope, application: Application) -> Iterator[Resource]:
    """Build the accounts, each once: what several deployments ask for under one name is shared."""
    accounts: dict[Identity, Resource] = {}
    for name, deployment in application.deployments.items():
        body = build_account(scope, name, deployment)
        if body is None:
            continue
        key = identity(body)
        shared = accounts.get(key)
        accounts[key] = Resource(body, name) if shared is None else Resource(_share(shared.body, body))
    yield from accounts.values()


def _share(first: Json, second: Json) -> Json:
    """Give the first account with the annotations of both: they say what the account may do, for either's pods."""
    annotations = {**second["metadata"].get("annotations", {}), **first["metadata"].get("annotations", {})}
    extra = {"annotations": annotations} if annotations else {}
    return {**first, "metadata": {**first["metadata"], **extra}}


def _build_configs(scope: Scope, application: Application, kind: ConfigType) -> Iterator[Resource]:
    for name, config in application.configs.items():
        if config.type is kind:
            yield Resource(build_config(scope, name, config))


def _build_services(scope: Scope, application: Application) -> Iterator[Resource]:
    """Build the standalone Services, and the automatic ones whose name no standalone one has."""
    for name, service in application.services.items():
        yield Resource(build_service(scope, name, service))
    for name, deployment in application.deployments.items():
        body = build_auto_service(scope, name, deployment)
        if body is not None and name not in application.services:
            yield Resource(body, name)


def _build_migrations(scope: Scope, application: Application) -> Iterator[tuple[Step, Migration]]:
    selectors = tuple(service.selector for service in application.services.values() if service.selector)
    for name, deployment in application.deployments.items():
        subject = Subject(scope, name, deployment, application.secret_refs, selectors)
        for step in effective_steps(deployment.migrations):
            yield step, build_migration(subject, step)


def _build_network_policies(migrations: list[tuple[Step, Migration]]) -> Iterator[Resource]:
    for step, migration in migrations:
        if step.network_policy is not None:
            yield Resource(build_network_policy(migration.body, step.network_policy), migration.application)
