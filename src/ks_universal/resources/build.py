"""From the typed application to all Kubernetes objects of a release: the order in which they are to be applied."""

from collections.abc import Iterator

from ks_universal.json_types import Json
from ks_universal.model.format.application import Application
from ks_universal.model.format.migrations import Step
from ks_universal.model.format.sections import ConfigType
from ks_universal.model.format.workloads import PodSettings
from ks_universal.resources.access import build_access, build_rbac
from ks_universal.resources.accounts import build_account, write_account
from ks_universal.resources.authenticators import build_authenticators
from ks_universal.resources.companions import build_autoscaler, build_companions
from ks_universal.resources.configs import build_config
from ks_universal.resources.extra_objects import build_extras, is_applied_first
from ks_universal.resources.ingresses import build_ingress
from ks_universal.resources.jobs import build_cron_job, build_job
from ks_universal.resources.metadata import Scope, build_labels, read_kept, within
from ks_universal.resources.migrations import AppContext, build_migration
from ks_universal.resources.objects import Migration, ObjectRef, OneOff, Rendered, Resource, object_ref
from ks_universal.resources.routes import build_route
from ks_universal.resources.sections import build_claim, build_migration_policy, build_network_policy, build_quota
from ks_universal.resources.services import build_auto_service, build_headless_service, build_service
from ks_universal.resources.workloads import build_workload


def build_objects(application: Application, release: str, namespace: str) -> Rendered:
    """Build all objects of a release.

    `application` must have no findings that are errors. An empty `namespace` is left out of the objects. Objects come
    in apply order (extra objects that others need, quotas, accounts, roles, Secrets, ConfigMaps, claims, network
    policies, Services, workloads, then what needs these), each kind in the order written; migrations in run order.
    Equal input gives equal objects, key order included.
    """
    scope = Scope(release, namespace, application.generic)
    migrations = list(_build_migrations(scope, application))
    extras = build_extras(scope, application.extra_objects)
    resources = [
        *filter(is_applied_first, extras),
        *(
            Resource(build_quota(within(scope, q.namespace), name, q))
            for name, q in application.resource_quotas.items()
        ),
        *_build_accounts(scope, application),
        *build_access(scope, application),
        *_build_migration_access(scope, migrations),
        *_build_configs(scope, application, ConfigType.SECRET),
        *_build_configs(scope, application, ConfigType.CONFIG_MAP),
        *_build_claims(scope, application),
        *_build_policies(scope, application),
        *_build_migration_policies(migrations),
        *_build_services(scope, application),
        *_build_workloads(scope, application),
        *_build_jobs(scope, application),
        *(Resource(build_autoscaler(scope, name, a, application)) for name, a in application.hpas.items()),
        *_build_companions(scope, application),
        *(Resource(body) for body in build_authenticators(scope, application)),
        *(Resource(build_ingress(scope, name, i, application)) for name, i in application.ingresses.items()),
        *(Resource(build_route(scope, name, r, application)) for name, r in application.http_routes.items()),
        *(resource for resource in extras if not is_applied_first(resource)),
    ]
    return Rendered(
        release,
        namespace,
        tuple(resources),
        tuple(migration for _, migration in migrations),
        policies={name: w.migrations.policy for name, w in application.workloads.items() if w.migrations.policy},
    )


def _build_accounts(scope: Scope, application: Application) -> Iterator[Resource]:
    """Build the accounts, each once: what several workloads ask for under one name is shared."""
    accounts: dict[ObjectRef, Resource] = {}
    for owner, body in _each_account(scope, application):
        key = object_ref(body)
        shared = accounts.get(key)
        accounts[key] = Resource(body, owner) if shared is None else Resource(_share(shared.body, body))
    yield from accounts.values()


def _each_account(scope: Scope, application: Application) -> Iterator[tuple[str | None, Json]]:
    for name, account in application.service_accounts.items():
        labels = build_labels(scope, name, account.labels)
        yield None, write_account(within(scope, account.namespace), name, account, labels)
    for owner, name, workload in _each_workload(application):
        body = build_account(within(scope, workload.namespace), name, workload)
        if body is not None:
            yield owner, body


def _each_workload(application: Application) -> Iterator[tuple[str | None, str, PodSettings]]:
    """Walk (application, name, workload); jobs belong to no application."""
    yield from ((name, name, workload) for name, workload in application.workloads.items())
    yield from ((None, name, job) for name, job in application.jobs.items())
    yield from ((None, name, job) for name, job in application.cron_jobs.items())


def _share(first: Json, second: Json) -> Json:
    """Give the first account with the annotations of both: they say what the account may do, for either's pods."""
    annotations = {**second["metadata"].get("annotations", {}), **first["metadata"].get("annotations", {})}
    extra = {"annotations": annotations} if annotations else {}
    return {**first, "metadata": {**first["metadata"], **extra}}


def _build_configs(scope: Scope, application: Application, kind: ConfigType) -> Iterator[Resource]:
    for name, config in application.configs.items():
        if config.type is kind and not config.external:
            yield Resource(build_config(within(scope, config.namespace), config.name or name, config))


def _build_claims(scope: Scope, application: Application) -> Iterator[Resource]:
    for name, claim in application.persistent_volume_claims.items():
        yield Resource(build_claim(within(scope, claim.namespace), name, claim))


def _build_policies(scope: Scope, application: Application) -> Iterator[Resource]:
    workloads = application.workloads
    for name, policy in application.network_policies.items():
        workload = workloads.get(name)
        yield Resource(build_network_policy(within(scope, policy.namespace), name, policy, workload))


def _build_services(scope: Scope, application: Application) -> Iterator[Resource]:
    for name, service in application.services.items():
        yield Resource(build_service(within(scope, service.namespace), name, service, application.workloads))
    for name, workload in application.workloads.items():
        body = build_auto_service(within(scope, workload.namespace), name, workload)
        if body is not None:
            yield Resource(body, name)
    for name, stateful_set in application.stateful_sets.items():
        body = build_headless_service(within(scope, stateful_set.namespace), name, stateful_set)
        if body is not None:
            yield Resource(body, name)


def _build_workloads(scope: Scope, application: Application) -> Iterator[Resource]:
    for name, workload in application.workloads.items():
        body = build_workload(within(scope, workload.namespace), name, workload, application)
        yield Resource(body, name, workload.depends_on, workload.wait_for_migrations)


def _build_jobs(scope: Scope, application: Application) -> Iterator[Resource]:
    for name, job in application.jobs.items():
        body = build_job(within(scope, job.namespace), name, job, application)
        yield Resource(body, one_off=OneOff(job.when, job.wait))
    for name, cron_job in application.cron_jobs.items():
        yield Resource(build_cron_job(within(scope, cron_job.namespace), name, cron_job, application))


def _build_companions(scope: Scope, application: Application) -> Iterator[Resource]:
    for name, workload in application.workloads.items():
        for body in build_companions(within(scope, workload.namespace), name, workload, application):
            yield Resource(body, name)


def _build_migrations(scope: Scope, application: Application) -> Iterator[tuple[Step, Migration]]:
    of_services = (service.selector for service in application.services.values())
    kept = (read_kept(workload) for workload in application.workloads.values())
    selectors = tuple(selector for selector in (*of_services, *kept) if selector)
    for name, workload in application.workloads.items():
        ref = AppContext(within(scope, workload.namespace), name, workload, application.secret_refs, selectors)
        for step in workload.migrations.effective_steps:
            yield step, build_migration(ref, step)


def _build_migration_policies(migrations: list[tuple[Step, Migration]]) -> Iterator[Resource]:
    for step, migration in migrations:
        if step.network_policy is not None:
            yield Resource(build_migration_policy(migration.body, step.network_policy), migration.application)


def _build_migration_access(scope: Scope, migrations: list[tuple[Step, Migration]]) -> Iterator[Resource]:
    """Build the roles of migrations, under the names of their Jobs."""
    for step, migration in migrations:
        metadata, pod = migration.body["metadata"], migration.body["spec"]["template"]["spec"]
        account = pod.get("serviceAccountName")
        if account is not None:  # else the checks have found an error
            place = within(scope, metadata.get("namespace"))
            for body in build_rbac(place, metadata["name"], account, step.rbac):
                yield Resource(body, migration.application)
