"""Values to manifests: read, check, render and write; nothing but files is touched, and nothing else is imported."""

import os
import re
from collections.abc import Callable, Sequence
from time import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from ks_universal import __version__
from ks_universal.diagnostics import Position, Problem, Severity, has_errors, sort_problems
from ks_universal.errors import InputError
from ks_universal.manifest.flavors import Flavor, FluxSource, PlainStage, flavor_objects
from ks_universal.manifest.select import select_objects, write_json
from ks_universal.manifest.yaml import write_yaml
from ks_universal.model.conversion.expressions import Release
from ks_universal.model.format.application import Application
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered, object_ref
from ks_universal.values.load import Texts, load_values
from ks_universal.values.nodes import Mapping
from ks_universal.values.overrides import Override, parse_override

if TYPE_CHECKING:
    from ks_universal.resources.checks.pod_security import Policy

# RFC 1123, as Kubernetes checks names; a release is cut at 53 so that names made from it fit in 63 (Helm's rule).
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_LONGEST_RELEASE = 53
_LONGEST_NAMESPACE = 63
_UNNAMED = Release()
_NO_TEXTS: Texts = MappingProxyType({})
_ALWAYS_S = 1_000_000_000

_GIVE_REVISION = "give what you mean in the values or with --set, such as --set firstInstall=true; 'template' takes it"

_ASKED = frozenset(("references/unknown-config",))

# What leaves a file unread: every finding about the rest would be about something that the user never wrote.
_UNREAD = frozenset(("values/unreadable", "values/syntax"))


class Values(msgspec.Struct, frozen=True):
    """Values that were read and checked: `application` is None where errors are among `problems`.

    `problems` are sorted by place; warnings alone leave the application usable. `tree` says what is written where, for
    findings about objects; it is there only where `load` was asked for it, because it is large. `now_s` is the time of
    the run where expressions read it (`now`), and `timeless` the application at a time that is always the same.
    """

    application: Application | None
    problems: tuple[Problem, ...]
    tree: Mapping | None = None
    now_s: int | None = None
    timeless: Application | None = None

    def __repr__(self) -> str:
        """Show no values: they hold secrets."""
        return f"Values({len(self.problems)} problems)"


def load(  # noqa: PLR0913 - all but the first have a default
    files: Sequence[str],
    overrides: Sequence[Override] = (),
    *,
    stdin: Callable[[], str] | None = None,
    texts: Texts = _NO_TEXTS,
    release: str = _UNNAMED.name,
    namespace: str = "",
    keep_tree: bool = False,
    now_s: int | None = None,
) -> Values:
    """Read, merge and check values; nothing is raised, whatever the files hold.

    `files` are paths, the later ones winning; `-` is the text that `stdin` returns, and one that `texts` has is that
    text (`texts={"ConfigMap/a": "replicas: 2"}`, of something that is no file). `overrides` are `--set` and its
    kin: `Override("--set", "deployments.my-app.replicas=3")`. `release` and `namespace` are what expressions read as
    `.Release.Name` and `.Release.Namespace`: those that `render` is given. `keep_tree` is for `check_for_version` and
    `check_pod_security`. `now_s` is what `now` gives, such as that of a saved plan, in seconds since 1970 (default:
    that of SOURCE_DATE_EPOCH, else of the clock).
    """
    loaded = load_values(files, overrides, stdin=stdin, texts=texts)
    if any(problem.code in _UNREAD for problem in loaded.problems):
        return Values(None, sort_problems(list(loaded.problems)))
    known = Release(release, namespace, __version__, _read_clock() if now_s is None else now_s)
    parsed = parse_application(loaded.tree, known)
    found = [*loaded.problems, *parsed.problems]
    if parsed.application is not None and parsed.application.extra_objects and not has_errors(found):
        from ks_universal.resources.checks.repeated import find_repeated

        found += find_repeated(parsed.application, parsed.tree, release, namespace)
    problems = sort_problems(found)
    application = None if has_errors(problems) else parsed.application
    values = Values(application, problems, parsed.tree if keep_tree else None)
    if all(problem.code != "expressions/clock" for problem in problems):
        return values
    timeless = parse_application(loaded.tree, msgspec.structs.replace(known, now_s=_ALWAYS_S)).application
    return msgspec.structs.replace(values, now_s=known.now_s, timeless=timeless)


def _read_clock() -> int | None:
    """Read the time of the run, as makers of reproducible builds set it; None where they set none that is one."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        return int(time())
    return int(said) if said.isascii() and said.isdecimal() else None


def validate(
    files: Sequence[str], overrides: Sequence[Override] = (), *, stdin: Callable[[], str] | None = None
) -> tuple[Problem, ...]:
    """Return all findings about values, warnings included, sorted by place; see `load`."""
    return load(files, overrides, stdin=stdin).problems


def render(values: Values, release: str, namespace: str = "") -> Rendered:
    """Build the objects of a release; without a namespace they name none.

    Raises InputError when the values have errors, or when Kubernetes would refuse one of the names.
    """
    rendered = build_objects(require_application(values, release, namespace), release, namespace)
    if values.timeless is None:
        return rendered
    return msgspec.structs.replace(rendered, timeless=build_objects(values.timeless, release, namespace))


def check_for_run(values: Values) -> tuple[Problem, ...]:
    """Find what keeps values from being run on a cluster of which manifests can be made: an error each.

    That is what expressions cannot know of the release there: its revision, and whether it is the first.
    """
    unknown = (problem for problem in values.problems if problem.code == "expressions/unknown-revision")
    return tuple(msgspec.structs.replace(each, severity=Severity.ERROR, hint=_GIVE_REVISION) for each in unknown)


def leave_to_server(values: Values) -> Values:
    """Give values without the warnings that a run on a cluster does not need: it asks the server what is there."""
    return msgspec.structs.replace(values, problems=tuple(p for p in values.problems if p.code not in _ASKED))


def check_for_version(values: Values, rendered: Rendered, kube_version: str) -> tuple[Problem, ...]:
    """Find the fields and APIs in a release's objects that a version of Kubernetes (`1.30`) does not know.

    `values` are those that were rendered, loaded with `keep_tree`. Raises InputError for a version whose fields are not
    known here.
    """
    from ks_universal.resources.checks.kube_versions import find_unknown

    return find_unknown(rendered, _tree_of(values), kube_version)


def check_pod_security(values: Values, rendered: Rendered, policy: "Policy | str") -> tuple[Problem, ...]:
    """Find what a namespace that enforces a policy of the Pod Security Standards would refuse of a release.

    `values` are those that were rendered, loaded with `keep_tree`. `policy` is `baseline` or `restricted`; raises
    ValueError for another one.
    """
    from ks_universal.resources.checks.pod_security import Policy, find_refusals

    return find_refusals(rendered, _tree_of(values), Policy(policy))


def check_flavor(rendered: Rendered, flavor: Flavor, *, is_staged: bool = False) -> tuple[Problem, ...]:
    """Find what a flavour of a release's manifests cannot keep of what `deploy` keeps: a warning each.

    `is_staged`: who applies them waits between the stages.
    """
    from ks_universal.manifest.unkept import find_unkept

    found = find_unkept(rendered, flavor)
    return tuple(problem for problem in found if problem.code != "flavor/order") if is_staged else found


def _tree_of(values: Values) -> Mapping:
    if values.tree is None:
        raise ValueError("findings about objects need values that were loaded with keep_tree=True")
    return values.tree


def template(
    rendered: Rendered,
    flavor: Flavor = Flavor.PLAIN,
    *,
    show: Sequence[str] = (),
    json: bool = False,
    stage: PlainStage | None = None,
    flux: FluxSource | None = None,
) -> str:
    """Write the manifests of a release in apply order, as YAML documents or one JSON list.

    `show` names the objects to write (`Deployment/my-app`), all where it is empty. `stage` is for the flavour `plain`,
    `flux` for that of Flux. Raises InputError for an object that these values do not make, and for all objects of
    the flavour of Flux, which keeps no order without folders.
    """
    if flavor is Flavor.FLUX and not show:
        hint = "write them with --out-dir DIR; --show KIND/NAME prints one of them"
        raise InputError((Problem("flavor/folders", "the Kustomizations of Flux name folders", hint=hint),))
    objects = select_objects(flavor_objects(rendered, flavor, stage=stage, flux=flux), show)
    return write_json(objects) if json else write_yaml(objects)


def list_names(
    rendered: Rendered, flavor: Flavor = Flavor.PLAIN, *, show: Sequence[str] = (), stage: PlainStage | None = None
) -> tuple[str, ...]:
    """List the names (`Deployment/my-app`) of what `template` writes, as kubectl takes them. Raises as that does."""
    return tuple(str(object_ref(body)) for body in select_objects(flavor_objects(rendered, flavor, stage=stage), show))


def check_release(name: str) -> None:
    """Raise InputError for a name that no release can have."""
    if problems := check_name("release", name, _LONGEST_RELEASE):
        raise InputError(problems)


def check_namespace(name: str) -> None:
    """Raise InputError for a name that no namespace can have."""
    if problems := check_name("namespace", name, _LONGEST_NAMESPACE):
        raise InputError(problems)


def require_application(values: Values, release: str, namespace: str) -> Application:
    """Give the application of values that are to become a release. Raises InputError as `render` does."""
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


class ConvertedValues(msgspec.Struct, frozen=True):
    """The values of a Helm release as a values file of this program, and a warning for each key that differs."""

    text: str
    notes: tuple[Problem, ...]


def convert(files: Sequence[str], *, stdin: Callable[[], str] | None = None) -> ConvertedValues:
    """Convert the values of a release of the Helm chart. Raises InputError where they cannot be read; see `load`."""
    from ks_universal.chart.convert import convert_values
    from ks_universal.chart.write import write_tree

    loaded = load_values(files, stdin=stdin)
    if has_errors(loaded.problems):
        raise InputError(loaded.problems)
    converted = convert_values(loaded.tree)
    return ConvertedValues(write_tree(converted.tree), converted.notes)


def build_values_schema(*, partial: bool = False) -> dict[str, Any]:
    """Build a JSON Schema of values files; `partial`: of one that is laid over others, in which nothing is required."""
    from ks_universal.model.reference.schema import build_partial_schema, build_schema

    return build_partial_schema() if partial else build_schema()


def list_value_files(files: Sequence[str], overrides: Sequence[Override]) -> tuple[str, ...]:
    """List the files that `load` reads, those of `--set-file` included. Raises InputError for no override."""
    named: list[str] = []

    def note(file: str, where: Position) -> str:  # noqa: ARG001 - as `load` reads
        named.append(file)
        return ""

    for override in overrides:
        if override.flag == "--set-file":
            parse_override(override, note)
    return (*files, *named)
