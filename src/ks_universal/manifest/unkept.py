"""What a flavour cannot keep of what the values say, as warnings: each rule in `_RULES` finds those of one kind."""

from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.manifest.copies import CONFIGURATION
from ks_universal.manifest.flavors import Flavor
from ks_universal.manifest.gates import (
    close_gates,
    find_early_applications,
    find_first_applications,
    waits_for_migrations,
)
from ks_universal.manifest.one_off_jobs import TTL
from ks_universal.manifest.uses import find_used_by, find_users
from ks_universal.metadata_keys import WAIT
from ks_universal.model.format.migrations import Phase, When
from ks_universal.model.format.precedence import Node, Part, Precedence
from ks_universal.model.format.workloads import JobWhen
from ks_universal.model.kubernetes.makers import list_made, read_annotation
from ks_universal.order import find_all_needs
from ks_universal.resources.access import BINDING_KINDS, UNKNOWN_NAMESPACE
from ks_universal.resources.extra_objects import is_early
from ks_universal.resources.objects import Migration, ObjectRef, OneOff, Rendered, Resource, object_ref
from ks_universal.resources.precedence import find_precedence
from ks_universal.resources.references import read_references

_DEPLOY = "'ks-universal deploy' keeps it"
_MIGRATIONS_WHEN = "flavor/migrations-when"
_WAIT_FOR_MIGRATIONS = "flavor/wait-for-migrations"


class _Release(msgspec.Struct, frozen=True):
    """A release, its workloads by application, and what comes before what in it."""

    rendered: Rendered
    workloads: Mapping[str, Resource]
    precedence: Precedence

    @property
    def jobs(self) -> Iterator[tuple[ObjectRef, OneOff]]:
        """The Jobs of the values."""
        return ((object_ref(r.body), r.one_off) for r in self.rendered.objects if r.one_off is not None)

    def name(self, application: str) -> ObjectRef:
        """Name the workload of an application."""
        return object_ref(self.workloads[application].body)

    def list_migrations(self, phase: Phase) -> list[tuple[ObjectRef, Migration]]:
        """List the migrations of a phase with their Jobs."""
        return [(object_ref(m.body), m) for m in self.rendered.migrations if m.phase is phase]


def find_unkept(rendered: Rendered, flavor: Flavor) -> tuple[Problem, ...]:
    """Find what a flavour of a release does not keep that `deploy` does: a warning each."""
    release = _Release(rendered, rendered.workloads, find_precedence(rendered))
    return tuple(problem for find in _RULES[flavor] for problem in find(release))


def _unknown_namespace(release: _Release) -> Iterator[Problem]:
    """Find the roles that name a namespace which nobody has named: in that of a subject there is no default."""
    bindings = [str(object_ref(r.body)) for r in release.rendered.objects if r.body["kind"] in BINDING_KINDS]
    if bindings and not release.rendered.namespace:
        message = f"{bindings[0]} has to name the namespace of its accounts, and says '{UNKNOWN_NAMESPACE}'"
        yield _warn("flavor/namespace", message, "say which namespace it is for: -n NAMESPACE")


def _namespace_for_flux(release: _Release) -> Iterator[Problem]:
    if not release.rendered.namespace:
        yield Problem("flavor/namespace", "Flux takes no object without a namespace", hint="say which: -n NAMESPACE")


def _unordered_in_plain(release: _Release) -> Iterator[Problem]:
    jobs = ", ".join(str(object_ref(migration.body)) for migration in release.rendered.migrations)
    if jobs:
        message = f"kubectl waits for nothing: the new version starts while its migrations run ({jobs})"
        yield _warn(
            "flavor/order", message, "apply one --stage after the other, and wait between them, or use 'deploy'"
        )


def _unawaited_dependencies_in_plain(release: _Release) -> Iterator[Problem]:
    first = find_first_applications(release.precedence)
    for job, migration in release.list_migrations(Phase.PRE):
        for other in _list_there(migration.depends_on, release):
            if other in first:
                message = f"kubectl does not wait for {release.name(other)}, on which {job} depends"
                hint = f"have it wait itself, in an init container; {_DEPLOY}"
            else:
                message = f"{job} is in a stage before that of {release.name(other)}, on which it depends"
                hint = f"make {other} a release of its own; {_DEPLOY}"
            yield _warn("flavor/depends-on", message, hint)
    for name, resource in release.workloads.items():
        for other in _list_there(resource.depends_on, release):
            message = f"kubectl does not wait for {release.name(other)}, on which {release.name(name)} depends"
            yield _warn("flavor/depends-on", message, _DEPLOY)


def _dependencies_behind_helms_hooks(release: _Release) -> Iterator[Problem]:
    for job, migration in release.list_migrations(Phase.PRE):
        for other in _list_there(migration.depends_on, release):
            message = f"Helm runs {job} before it makes {release.name(other)}, on which it depends"
            hint = (
                f"the first install never gets ready: make {other} a release of its own, or use 'ks-universal deploy'"
            )
            yield _warn("flavor/depends-on", message, hint)
    for name, resource in release.workloads.items():
        for other in _list_there(resource.depends_on, release):
            message = f"Helm rolls {release.name(name)} out beside {release.name(other)}, on which it depends"
            yield _warn("flavor/depends-on", message, _DEPLOY)


def _needless_waits_in_helm(release: _Release) -> Iterator[Problem]:
    """Find the workloads that are not to wait for some migrations: Helm's hooks come before all of them."""
    for name, hint in _list_needless_waits(release):
        message = f"Helm has {release.name(name)} wait for the migrations of the whole release"
        yield _warn(_WAIT_FOR_MIGRATIONS, message, hint)


def _needless_waits_in_plain(release: _Release) -> Iterator[Problem]:
    first = find_first_applications(release.precedence)
    for name, hint in ((n, h) for n, h in _list_needless_waits(release) if n not in first):
        message = f"the stage of {release.name(name)} comes after the migrations of the whole release"
        yield _warn(_WAIT_FOR_MIGRATIONS, message, hint)


def _needless_waits_in_flux(release: _Release) -> Iterator[Problem]:
    early = find_early_applications(release.precedence)
    for name, hint in _list_needless_waits(release):
        if name not in early:
            message = f"Flux has {release.name(name)} wait for the migrations of the whole release"
            yield _warn(_WAIT_FOR_MIGRATIONS, message, hint)


def _list_needless_waits(release: _Release) -> Iterator[tuple[str, str]]:
    """List the applications that are not to wait for some migrations, with what to say of that."""
    migrating = {Node(migration.application, Part.BEFORE) for _, migration in release.list_migrations(Phase.PRE)}
    for name, resource in release.workloads.items():
        waits = find_all_needs(release.precedence, Node(name, Part.ROLLOUT))
        if resource.wait_for_migrations not in (None, True) and not migrating <= waits:
            yield name, f"its 'waitForMigrations' says otherwise; {_DEPLOY}"


def _late_makers_in_helm(release: _Release) -> Iterator[Problem]:
    """Find what makes a Secret that a hook needs: as a hook it would be deleted, and its Secret with it."""
    for job, migration in release.list_migrations(Phase.PRE):
        read = set(read_references(migration.body["spec"]["template"]["spec"]))
        for resource in release.rendered.objects:
            if is_early(resource) and read.intersection(list_made(resource.body)):
                maker = object_ref(resource.body)
                message = f"Helm runs {job} before it makes {maker}, which makes what it reads"
                hint = f"the first install never gets ready: install {maker} before, or use 'ks-universal deploy'"
                yield _warn("flavor/extra-objects", message, hint)


def _early_contracts_in_helm(release: _Release) -> Iterator[Problem]:
    for job, _ in release.list_migrations(Phase.POST):
        message = f"Helm runs {job} without waiting for old pods, and for the new version with --wait only"
        yield _warn("flavor/post-phase", message, _DEPLOY)


def _early_contracts_in_argo(release: _Release) -> Iterator[Problem]:
    for job, _ in release.list_migrations(Phase.POST):
        message = f"Argo CD runs {job} when the new version is ready, without waiting for old pods that are stopping"
        yield _warn("flavor/post-phase", message, _DEPLOY)


def _early_contracts_in_plain(release: _Release) -> Iterator[Problem]:
    for job, _ in release.list_migrations(Phase.POST):
        yield _warn("flavor/post-phase", f"kubectl does not wait for old pods before it applies {job}", _DEPLOY)


def _early_contracts_in_flux(release: _Release) -> Iterator[Problem]:
    for job, _ in release.list_migrations(Phase.POST):
        message = f"Flux runs {job} when the new version is ready, without waiting for old pods that are stopping"
        yield _warn("flavor/post-phase", message, _DEPLOY)


def _awaited_makers_in_flux(release: _Release) -> Iterator[Problem]:
    for resource in release.rendered.objects:
        if is_early(resource) and read_annotation(resource.body, WAIT) == "false":
            message = f"Flux waits until {object_ref(resource.body)} is ready, though '{WAIT}' says 'false'"
            yield _warn("flavor/extra-objects", message, _DEPLOY)


def _open_gates_in_plain(release: _Release) -> Iterator[Problem]:
    return _list_open_gates(release, find_first_applications(release.precedence))


def _open_gates_in_flux(release: _Release) -> Iterator[Problem]:
    return _list_open_gates(release, find_early_applications(release.precedence))


def _list_open_gates(release: _Release, early: Collection[str]) -> Iterator[Problem]:
    used = find_used_by(release.rendered, early)
    for ref, users in find_users(release.rendered).items():
        waiting = [user for user in users if waits_for_migrations(release.precedence, user)]
        if ref in used and ref.kind in CONFIGURATION and waiting:
            message = (
                f"{ref} changes before the migrations that {release.name(waiting[0])} waits for: "
                "one of them waits for an application that uses it, too"
            )
            yield _warn("flavor/open-gate", message, "give each of the two a ConfigMap or Secret of its own")


def _job_waits_in_helm(release: _Release) -> Iterator[Problem]:
    for job, terms in release.jobs:
        if terms.when is JobWhen.INSTALL and not terms.wait:
            yield _warn(
                "flavor/job-wait", f"Helm waits for {job}, a hook of the installation, and fails with it", _DEPLOY
            )
        elif terms.wait and terms.when is not JobWhen.INSTALL:
            hint = "give Helm --wait and --wait-for-jobs, or use 'ks-universal deploy'"
            yield _warn("flavor/job-wait", f"Helm does not wait for the end of {job} by itself", hint)


def _job_waits_in_argo(release: _Release) -> Iterator[Problem]:
    for job, terms in release.jobs:
        if terms.wait:
            message = f"a sync of Argo CD does not wait for the end of {job}; its application's health tells of it"
            yield _warn("flavor/job-wait", message, _DEPLOY)


def _open_gates_in_argo(release: _Release) -> Iterator[Problem]:
    _, still_open = close_gates(release.precedence, find_users(release.rendered))
    for ref, application in still_open:
        message = (
            f"{ref} changes before the migrations of {application}: they wait for an application that uses it, too"
        )
        yield _warn("flavor/open-gate", message, "give each of the two a ConfigMap or Secret of its own")


def _jobs_that_stay(release: _Release, *, install: bool = True) -> Iterator[Problem]:
    """Find the Jobs that are not to be removed by time: where one is gone, the tool would make, and run, it again."""
    for resource in release.rendered.objects:
        terms = resource.one_off
        stays = terms is not None and (install or terms.when is not JobWhen.INSTALL)
        if stays and TTL in resource.body["spec"]:
            message = f"{object_ref(resource.body)} stays when it has ended: its {TTL} is left out"
            yield _warn("flavor/job-ttl", message, f"without the Job it would run again; {_DEPLOY}")


def _jobs_that_stay_in_helm(release: _Release) -> Iterator[Problem]:
    return _jobs_that_stay(release, install=False)  # that is a hook of the installation, and never made again


def _job_waits_in_plain(release: _Release) -> Iterator[Problem]:
    for job, terms in release.jobs:
        if terms.wait:
            hint = f"kubectl wait --for=condition=complete {str(job).lower()}, or use 'ks-universal deploy'"
            yield _warn("flavor/job-wait", f"kubectl does not wait for the end of {job}", hint)


def _repeated_installs(release: _Release) -> Iterator[Problem]:
    for job, terms in release.jobs:
        if terms.when is JobWhen.INSTALL:
            message = f"{job} is to run once ('when: install'), and a changed one is applied again"
            yield _warn(
                "flavor/job-when", message, f"leave it out with --set jobs.{job.name}=null once it has run; {_DEPLOY}"
            )


def _repeated_migrations_in_helm(release: _Release) -> Iterator[Problem]:
    if jobs := _name_not_always(release):
        yield _warn(_MIGRATIONS_WHEN, f"Helm runs migrations in each upgrade, whatever has changed: {jobs}", _DEPLOY)


def _repeated_migrations_in_argo(release: _Release) -> Iterator[Problem]:
    if jobs := _name_not_always(release):
        yield _warn(_MIGRATIONS_WHEN, f"Argo CD runs migrations in each sync, whatever has changed: {jobs}", _DEPLOY)


def _single_migrations_in_plain(release: _Release) -> Iterator[Problem]:
    yield from _find_single_migrations(release, "kubectl")


def _single_migrations_in_flux(release: _Release) -> Iterator[Problem]:
    yield from _find_single_migrations(release, "Flux")


def _find_single_migrations(release: _Release, tool: str) -> Iterator[Problem]:
    """Find the migrations that are to run in another case than when something of what they run with has changed."""
    for job, migration in _list_migrations(release):
        if migration.when is When.ALWAYS:
            message = f"{tool} runs {job} once: applied again, a Job that has not changed does not run ('when: always')"
            yield _warn(_MIGRATIONS_WHEN, message, f"delete the Job before; {_DEPLOY}")
        elif migration.when is When.IMAGE:
            message = f"{tool} runs {job} also when something else than its image has changed ('when: image')"
            yield _warn(_MIGRATIONS_WHEN, message, _DEPLOY)


def _name_not_always(release: _Release) -> str:
    """Name the Jobs of migrations that are to run where something has changed only, with what counts for that."""
    wishes = [(job, migration.when) for job, migration in _list_migrations(release)]
    return ", ".join(f"{job} ('when: {when.value}')" for job, when in wishes if when is not When.ALWAYS)


def _list_migrations(release: _Release) -> list[tuple[ObjectRef, Migration]]:
    return [each for phase in Phase for each in release.list_migrations(phase)]


def _list_there(names: tuple[str, ...], release: _Release) -> list[str]:
    return [name for name in names if name in release.workloads]


def _warn(code: str, message: str, hint: str) -> Problem:
    return Problem(code, message, hint=hint, severity=Severity.WARNING)


_RULES: Mapping[Flavor, tuple[Callable[[_Release], Iterator[Problem]], ...]] = {
    Flavor.PLAIN: (
        _unknown_namespace,
        _unordered_in_plain,
        _unawaited_dependencies_in_plain,
        _open_gates_in_plain,
        _needless_waits_in_plain,
        _early_contracts_in_plain,
        _job_waits_in_plain,
        _repeated_installs,
        _jobs_that_stay,
        _single_migrations_in_plain,
    ),
    Flavor.HELM: (
        _unknown_namespace,
        _dependencies_behind_helms_hooks,
        _late_makers_in_helm,
        _needless_waits_in_helm,
        _early_contracts_in_helm,
        _job_waits_in_helm,
        _jobs_that_stay_in_helm,
        _repeated_migrations_in_helm,
    ),
    Flavor.ARGOCD: (
        _unknown_namespace,
        _open_gates_in_argo,
        _early_contracts_in_argo,
        _job_waits_in_argo,
        _jobs_that_stay,
        _repeated_installs,
        _repeated_migrations_in_argo,
    ),
    Flavor.FLUX: (
        _namespace_for_flux,
        _open_gates_in_flux,
        _needless_waits_in_flux,
        _awaited_makers_in_flux,
        _early_contracts_in_flux,
        _jobs_that_stay,
        _single_migrations_in_flux,
    ),
}
