"""What a program can do with a release: each function joins the packages below it, and decides nothing itself.

What only a run needs is imported when one begins: `template` and `validate` start without it.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ks_universal import __version__
from ks_universal.diagnostics import Problem, Severity, has_errors, sort_problems
from ks_universal.errors import InputError
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.manifest.select import select_objects, write_json
from ks_universal.manifest.yaml import write_yaml
from ks_universal.model.application import Application
from ks_universal.model.expressions import Release
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Mapping
from ks_universal.values.overrides import Override

if TYPE_CHECKING:
    from pathlib import Path

    from ks_universal.engine.events import Emit
    from ks_universal.engine.run import Agree
    from ks_universal.plan.records import Revision, StepRecord
    from ks_universal.plan.saved import Preview
    from ks_universal.plan.when import MigratePolicy
    from ks_universal.resources.pod_security import Policy
    from ks_universal.targets.kubernetes.state import ReleaseState
    from ks_universal.targets.kubernetes.target import KubernetesTarget, Options
    from ks_universal.targets.local import LocalTarget

# RFC 1123, as Kubernetes checks names; a release is cut at 53 so that names made from it fit in 63 (Helm's rule).
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_LONGEST_RELEASE = 53
_LONGEST_NAMESPACE = 63
_UNNAMED = Release()

_GIVE_REVISION = "give what you mean in the values or with --set, such as --set firstInstall=true; 'template' takes it"

# What leaves a file unread: every finding about the rest would be about something that the user never wrote.
_UNREAD = frozenset(("values/unreadable", "values/syntax"))


class Values(msgspec.Struct, frozen=True):
    """Values that were read and checked: `application` is None where errors are among `problems`.

    `problems` are sorted by place; warnings alone leave the application usable. `tree` says what is written where, for
    findings about objects; it is there only where `load` was asked for it, because it is large.
    """

    application: Application | None
    problems: tuple[Problem, ...]
    tree: Mapping | None = None

    def __repr__(self) -> str:
        """Show no values: they hold secrets."""
        return f"Values({len(self.problems)} problems)"


def load(
    files: Sequence[str],
    overrides: Sequence[Override] = (),
    *,
    stdin: Callable[[], str] | None = None,
    release: str = _UNNAMED.name,
    namespace: str = "",
    keep_tree: bool = False,
) -> Values:
    """Read, merge and check values; nothing is raised, whatever the files hold.

    `files` are paths, the later ones winning; `-` is the text that `stdin` returns. `overrides` are `--set` and its
    kin: `Override("--set", "deployments.my-app.replicas=3")`. `release` and `namespace` are what expressions read as
    `.Release.Name` and `.Release.Namespace`: those that `render` is given. `keep_tree` is for `check_for_version` and
    `check_pod_security`.
    """
    loaded = load_values(files, overrides, stdin=stdin)
    if any(problem.code in _UNREAD for problem in loaded.problems):
        return Values(None, sort_problems(list(loaded.problems)))
    parsed = parse_application(loaded.tree, Release(release, namespace, __version__))
    problems = sort_problems([*loaded.problems, *parsed.problems])
    application = None if has_errors(problems) else parsed.application
    return Values(application, problems, parsed.tree if keep_tree else None)


def validate(
    files: Sequence[str], overrides: Sequence[Override] = (), *, stdin: Callable[[], str] | None = None
) -> tuple[Problem, ...]:
    """Return all findings about values, warnings included, sorted by place; see `load`."""
    return load(files, overrides, stdin=stdin).problems


def render(values: Values, release: str, namespace: str = "") -> Rendered:
    """Build the objects of a release; without a namespace they name none.

    Raises InputError when the values have errors, or when Kubernetes would refuse one of the names.
    """
    return build_objects(_checked(values, release, namespace), release, namespace)


def check_for_run(values: Values) -> tuple[Problem, ...]:
    """Find what keeps values from being run on a cluster of which manifests can be made: an error each.

    That is what expressions cannot know of the release there: its revision, and whether it is the first.
    """
    unknown = (problem for problem in values.problems if problem.code == "expressions/unknown-revision")
    return tuple(msgspec.structs.replace(each, severity=Severity.ERROR, hint=_GIVE_REVISION) for each in unknown)


def check_for_version(values: Values, rendered: Rendered, kube_version: str) -> tuple[Problem, ...]:
    """Find the fields and APIs in a release's objects that a version of Kubernetes (`1.30`) does not know.

    `values` are those that were rendered, loaded with `keep_tree`. Raises InputError for a version whose fields are not
    known here.
    """
    from ks_universal.resources.kube_versions import find_unknown

    return find_unknown(rendered, _tree_of(values), kube_version)


def check_pod_security(values: Values, rendered: Rendered, policy: "Policy | str") -> tuple[Problem, ...]:
    """Find what a namespace that enforces a policy of the Pod Security Standards would refuse of a release.

    `values` are those that were rendered, loaded with `keep_tree`. `policy` is `baseline` or `restricted`; raises
    ValueError for another one.
    """
    from ks_universal.resources.pod_security import Policy, find_refusals

    return find_refusals(rendered, _tree_of(values), Policy(policy))


def _tree_of(values: Values) -> Mapping:
    if values.tree is None:
        raise ValueError("findings about objects need values that were loaded with keep_tree=True")
    return values.tree


def template(rendered: Rendered, flavor: Flavor = Flavor.PLAIN, *, show: Sequence[str] = (), json: bool = False) -> str:
    """Write the manifests of a release in apply order, as YAML documents or one JSON list.

    `show` names the objects to write (`Deployment/my-app`), all where it is empty. Raises InputError for one that these
    values do not make.
    """
    objects = select_objects(flavor_objects(rendered, flavor), show)
    return write_json(objects) if json else write_yaml(objects)


def open_local(  # noqa: PLR0913 - the last four have a default or are places
    values: Values,
    release: str,
    namespace: str = "",
    *,
    directory: "Path",
    state: "Path",
    retry_delay_s: float = 1.0,
    fresh: bool = False,
) -> "LocalTarget":
    """Give this machine as a target for the release; nothing is touched before the first run.

    `directory` is where the relative paths of `local.images` start, `state` the release's folder. `fresh` forgets what
    is recorded there, and wipes the data of the embedded PostgreSQL, when the first run begins. Close it at the end:
    that stops what runs. Raises InputError as `render` does.
    """
    from ks_universal.targets.local import LocalTarget

    local = _checked(values, release, namespace).local
    return LocalTarget(
        release, namespace, local, directory=directory, state=state, retry_delay_s=retry_delay_s, fresh=fresh
    )


async def up(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    values: Values,
    target: "LocalTarget",
    emit: "Emit",
    *,
    by: str,
    migrate: "MigratePolicy | str" = "auto",
    wait_for_lock: bool = True,
    force: bool = False,
) -> "Revision":
    """Bring the target's release to these values, and return the record of that run; what came up runs on.

    A failure is in the record and in the events, and leaves the version before as it was. To be called again with each
    new version, on the same target. Raises as `render` and `engine.run.run` do.
    """
    from ks_universal.engine.run import run
    from ks_universal.plan.when import MigratePolicy

    rendered = render(values, target.release, target.namespace)
    target.configure(_checked(values, target.release, target.namespace).local)
    policy = MigratePolicy(migrate)
    return await run(rendered, target, emit, by=by, migrate=policy, wait_for_lock=wait_for_lock, force=force)


async def down(release: str, emit: "Emit", *, state: "Path") -> bool:
    """Stop a release that runs on this machine; returns, when nothing of it is left, whether anything ran.

    `emit` hears whom it waits for. Raises InputError for a name that no release can have.
    """
    from ks_universal.targets.local.down import stop_release

    check_release(release)
    return await stop_release(release, emit, state)


def open_cluster(
    release: str,
    *,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: str | None = None,
    options: "Options | None" = None,
) -> "KubernetesTarget":
    """Give a namespace of a cluster as a target for the release; nothing is asked of the cluster yet.

    Without `namespace` it is the context's. Close it at the end. To be called in a running event loop. Raises
    InputError for names that cannot be, TargetError where there is no such file or context.
    """
    from ks_universal.targets.kubernetes.client import Client
    from ks_universal.targets.kubernetes.connection import connect
    from ks_universal.targets.kubernetes.target import KubernetesTarget, Options

    check_release(release)
    if namespace is not None and (problems := check_name("namespace", namespace, _LONGEST_NAMESPACE)):
        raise InputError(problems)
    connection = connect(kubeconfig, context)
    return KubernetesTarget(Client(connection, namespace or connection.namespace), release, options or Options())


async def deploy(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    values: Values,
    target: "KubernetesTarget",
    emit: "Emit",
    *,
    by: str,
    migrate: "MigratePolicy | str" = "auto",
    wait_for_lock: bool = True,
    lock_wait_s: float | None = None,
    force: bool = False,
    agree: "Agree | None" = None,
) -> "Revision":
    """Bring the target's release to these values, and return the record of that run.

    A failure is in the record and in the events, and leaves the version before as it was. `agree` is asked under the
    lock, before anything of the release changes. Raises as `render` and `engine.run.run_planned` do.
    """
    from functools import partial

    from ks_universal.engine.run import run_planned
    from ks_universal.plan.build import MigratePolicy, build_plan

    return await run_planned(
        _render_for_run(values, target),
        target,
        emit,
        partial(build_plan, migrate=MigratePolicy(migrate), force=force),
        by=by,
        wait_for_lock=wait_for_lock,
        lock_wait_s=lock_wait_s,
        agree=agree,
    )


async def preview(
    values: Values, target: "KubernetesTarget", *, migrate: "MigratePolicy | str" = "auto", force: bool = False
) -> "Preview":
    """Say what `deploy` would do, by a dry run of every change on the server; nothing is changed, nothing locked.

    What is in the way is among `problems`. Raises as `render` and `build_plan` do, and TargetError.
    """
    from ks_universal.engine.masking import build_mask
    from ks_universal.plan.build import MigratePolicy, build_plan
    from ks_universal.plan.saved import build_preview

    rendered = _render_for_run(values, target)
    state = await target.read(rendered)
    planned = build_plan(rendered, state, migrate=MigratePolicy(migrate), force=force)
    mask = build_mask(rendered, state, planned)
    problems = mask.problems((*planned.warnings, *await target.check(planned)))
    return build_preview(planned, state, target.changes, problems, migrate=MigratePolicy(migrate).value, force=force)


async def migrate(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    values: Values,
    target: "KubernetesTarget",
    emit: "Emit",
    *,
    by: str,
    migrate: "MigratePolicy | str" = "auto",
    wait_for_lock: bool = True,
    lock_wait_s: float | None = None,
    agree: "Agree | None" = None,
) -> "Revision":
    """Run the migrations that `deploy` would run before the new version, and what these need; nothing else changes."""
    from ks_universal.engine.run import run_planned
    from ks_universal.plan.build import MigratePolicy, build_plan
    from ks_universal.plan.migrations_only import keep_migrations

    policy = MigratePolicy(migrate)
    return await run_planned(
        _render_for_run(values, target),
        target,
        emit,
        lambda rendered, state: keep_migrations(build_plan(rendered, state, migrate=policy), state),
        by=by,
        wait_for_lock=wait_for_lock,
        lock_wait_s=lock_wait_s,
        agree=agree,
    )


async def rollback(  # noqa: PLR0913 - the words after `by` are the user's, each with its default
    target: "KubernetesTarget",
    emit: "Emit",
    *,
    by: str,
    revision: int | None = None,
    migrate_down: bool = False,
    wait_for_lock: bool = True,
    lock_wait_s: float | None = None,
    agree: "Agree | None" = None,
) -> "Revision":
    """Bring a release back to the objects of an earlier revision (None: the last that succeeded before the latest).

    With `migrate_down` the `rollback` steps of later migrations run first, latest first, each with the image and the
    configuration of its own revision; migrations that stay are a warning. Raises InputError where there is no such
    revision in the record.
    """
    from ks_universal.engine.run import run_planned
    from ks_universal.targets.kubernetes.way_back import read_way_back

    way = await read_way_back(target, revision, migrate_down=migrate_down)
    return await run_planned(
        way.rendered,
        target,
        emit,
        way.plan,
        by=by,
        wait_for_lock=wait_for_lock,
        lock_wait_s=lock_wait_s,
        agree=agree,
    )


async def uninstall(
    target: "KubernetesTarget",
    emit: "Emit",
    *,
    by: str,
    wait_for_lock: bool = True,
    lock_wait_s: float | None = None,
    agree: "Agree | None" = None,
) -> "Revision":
    """Remove everything of a release: what its record lists and its labels confirm, then the record itself.

    PersistentVolumeClaims stay unless the target's options say otherwise. Raises InputError where there is no record.
    """
    from ks_universal.engine.run import run_planned
    from ks_universal.plan.build import build_plan
    from ks_universal.plan.records import Outcome

    if not await target.read_revisions():
        raise InputError([_no_record(target)])
    nothing = Rendered(target.release, target.namespace, (), ())
    revision = await run_planned(
        nothing, target, emit, build_plan, by=by, wait_for_lock=wait_for_lock, lock_wait_s=lock_wait_s, agree=agree
    )
    if revision.outcome is Outcome.SUCCEEDED:
        await target.forget(revision, emit)
    return revision


async def read_revisions(target: "KubernetesTarget", number: int | None = None) -> "tuple[Revision, ...]":
    """Read a release's runs, the oldest first, or only the one of a number; a read-only role is enough.

    Raises InputError where there is no such run in the record.
    """
    revisions = await target.read_revisions()
    if not revisions:
        raise InputError([_no_record(target)])
    chosen = tuple(revision for revision in revisions if number in (None, revision.number))
    if not chosen:
        kept = ", ".join(str(revision.number) for revision in revisions)
        raise InputError(
            [Problem("release/no-revision", f"the record does not hold revision {number}; it holds: {kept}")]
        )
    return chosen


async def follow_migration(target: "KubernetesTarget", step: "StepRecord", take: Callable[[str], None]) -> bool:
    """Give the log of a migration that runs now, line by line, until it has ended; False where its Job is gone."""
    from ks_universal.plan.undo import name_job
    from ks_universal.resources.objects import Identity

    name = name_job(step)
    known = (subject for revision in await target.read_revisions() for subject in revision.objects)
    jobs = [subject for subject in known if (subject.kind, subject.name) == ("Job", name)]
    return await target.follow_log(jobs[-1] if jobs else Identity("Job", target.namespace, name), take)


async def read_status(target: "KubernetesTarget") -> "ReleaseState":
    """Read what runs, how the last run ended, and who is at work. Raises InputError where there is no record."""
    import asyncio

    from ks_universal.targets.kubernetes.state import ReleaseState

    latest = (await read_revisions(target))[-1]
    workloads, lock = await asyncio.gather(target.read_workloads(latest), target.read_lock_if_allowed())
    return ReleaseState(
        release=target.release, namespace=target.namespace, latest=latest, workloads=workloads, lock=lock
    )


def _no_record(target: "KubernetesTarget") -> Problem:
    message = f"there is no release {target.release} in namespace {target.namespace}"
    return Problem("release/unknown", message, hint="check the name, -n and --context")


def check_release(name: str) -> None:
    """Raise InputError for a name that no release can have."""
    if problems := check_name("release", name, _LONGEST_RELEASE):
        raise InputError(problems)


def _render_for_run(values: Values, target: "KubernetesTarget") -> Rendered:
    if problems := check_for_run(values):
        raise InputError(problems)
    return render(values, target.release, target.namespace)


def _checked(values: Values, release: str, namespace: str) -> Application:
    problems = [
        *check_name("release", release, _LONGEST_RELEASE),
        *(check_name("namespace", namespace, _LONGEST_NAMESPACE) if namespace else ()),
        *values.problems,
    ]
    if values.application is None or has_errors(problems):
        raise InputError(problems)
    return values.application


def check_name(what: str, name: str, longest: int) -> tuple[Problem, ...]:
    """Find why Kubernetes or Helm would refuse a name."""
    if len(name) > longest:
        return (Problem("request/name", f"the name of the {what} is longer than {longest} characters"),)
    if not _LABEL.fullmatch(name):
        hint = "lower-case letters, digits and '-', with a letter or digit at both ends"
        return (Problem("request/name", f"{name!r} cannot be the name of a {what}", hint=hint),)
    return ()
