"""The manifests of a release as files: which paths they have, and what they contain.

A file is named by the object in it, so that a commit shows what has changed of which; its first line says whose it is.
That line is the only record of what was written: a list of files would be one more thing to merge in git.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.manifest.flavors import Flavor, FluxSource, PlainStage, flavor_objects
from ks_universal.manifest.yaml import write_yaml
from ks_universal.resources.objects import ObjectRef, Rendered, object_ref

_UNUSUAL = re.compile(r"[^a-z0-9.-]")
_LONGEST_NAME = 200
"""File systems take 255 bytes, and others put endings of their own to a name."""
_NAMED_BY_CONTENT = re.compile(r"(.+)-[0-9a-f]{8,}")
_KUSTOMIZATIONS = "kustomizations.yaml"
_HEADER = "{path} of release {release}, written by 'ks-universal template --out-dir': do not edit"
_WRITTEN = re.compile(r"\S+ of release (\S+), written by 'ks-universal template --out-dir': do not edit")


def build_files(rendered: Rendered, flavor: Flavor, flux: FluxSource | None = None) -> dict[str, str]:
    """Give the texts of the files of a release by their paths: relative, with `/`, sorted, each with its header."""
    texts = dict(_build_texts(rendered, flavor, flux))
    return {path: f"{write_header(path, rendered.release)}\n{texts[path]}" for path in sorted(texts)}


def write_header(path: str, release: str) -> str:
    """Write the first line of a file, as a comment of its format. It names its path: a copy elsewhere is another's."""
    text = _HEADER.format(path=path, release=release)
    return f"{{{{- /* {text} */ -}}}}" if path.endswith(".txt") else f"# {text}"


def read_owner(line: str) -> str | None:
    """Read off the first line of a file which release it belongs to; None for a file of somebody else."""
    found = _WRITTEN.search(line)
    return found[1] if found else None


def find_plain_secrets(rendered: Rendered) -> tuple[Problem, ...]:
    """Find the Secrets whose values files of this release contain: a warning, for files get into git."""
    secrets = [str(object_ref(body)) for body in rendered.bodies if _is_secret(body)]
    if not secrets:
        return ()
    message = f"the files contain the values of {', '.join(secrets)} in plain text"
    hint = "keep them out of git: docs/gitops.md has ways with ExternalSecrets and SOPS"
    return (Problem("folder/plain-secrets", message, hint=hint, severity=Severity.WARNING),)


def find_clock(rendered: Rendered) -> tuple[Problem, ...]:
    """Find whether the files are others in each run, because the values read its time: a warning."""
    if rendered.timeless is None:
        return ()
    message = "the values read the time of the run, so the files are others each time"
    hint = "set SOURCE_DATE_EPOCH, such as to the time of the commit: git log -1 --format=%ct"
    return (Problem("folder/clock", message, hint=hint, severity=Severity.WARNING),)


def _is_secret(body: Json) -> bool:
    return body["kind"] == "Secret" and bool(body.get("data") or body.get("stringData"))


def _build_texts(rendered: Rendered, flavor: Flavor, flux: FluxSource | None) -> Iterator[tuple[str, str]]:
    match flavor:
        case Flavor.PLAIN:
            yield from _build_plain_texts(rendered)
        case Flavor.HELM:
            yield from _build_chart_texts(rendered)
        case Flavor.ARGOCD:
            yield from _write_files(flavor_objects(rendered, flavor), rendered)
        case Flavor.FLUX:
            yield from _build_flux_texts(rendered, flux)


def _build_plain_texts(rendered: Rendered) -> Iterator[tuple[str, str]]:
    """Give each stage a folder of its own: `kubectl apply -f` takes the files of one, and not those of folders in it.

    The files of migrations sort in the order to run them.
    """
    for place, stage in enumerate(PlainStage, start=1):
        bodies = flavor_objects(rendered, Flavor.PLAIN, stage=stage)
        for number, (path, text) in enumerate(_write_files(bodies, rendered), start=1):
            is_run = stage in (PlainStage.MIGRATIONS, PlainStage.POST)
            yield f"{place}-{stage}/{f'{number:02}-' if is_run else ''}{path}", text


def _build_chart_texts(rendered: Rendered) -> Iterator[tuple[str, str]]:
    from ks_universal.manifest.chart import chart_files

    bodies = flavor_objects(rendered, Flavor.HELM)
    yield from _write_files(bodies, rendered, "templates/")
    yield from chart_files(rendered, bodies).items()


def _build_flux_texts(rendered: Rendered, flux: FluxSource | None) -> Iterator[tuple[str, str]]:
    from ks_universal.manifest.flux import build_entry, build_flux

    for folder, bodies in build_flux(rendered, flux).items():
        if not folder:
            yield _KUSTOMIZATIONS, write_yaml(bodies)
        else:
            yield from _write_files(bodies, rendered, f"{folder}/")
    yield "kustomization.yaml", write_yaml([build_entry([_KUSTOMIZATIONS])])


def _write_files(bodies: Iterable[Json], rendered: Rendered, folder: str = "") -> Iterator[tuple[str, str]]:
    """Write a file for each object, named after its kind, its name, and its namespace if that is not the release's."""
    lasting = {(body["kind"], body["metadata"]["name"]) for body in rendered.bodies}
    taken: set[str] = set()
    for body in bodies:
        ref = object_ref(body)
        name = _UNUSUAL.sub(_escape, _find_lasting_name(ref, lasting))
        elsewhere = f"_{ref.namespace}" if ref.namespace not in ("", rendered.namespace) else ""
        file = _shorten(f"{ref.kind.lower()}-{name}{elsewhere}")
        if file in taken:
            file = f"{file}_{sha256(ref.name.encode()).hexdigest()[:8]}"
        taken.add(file)
        yield f"{folder}{file}.yaml", write_yaml([body])


def _find_lasting_name(ref: ObjectRef, lasting: Collection[tuple[str, str]]) -> str:
    """Leave out the digest of a Job, or of a copy, that is named by its content: a change is to be seen in its file."""
    found = _NAMED_BY_CONTENT.fullmatch(ref.name)
    if found is None or (ref.kind, ref.name) in lasting:
        return ref.name
    name = found[1]
    originals = {(ref.kind, name), (ref.kind, name.removesuffix("-migrations"))}
    return ref.name if originals.isdisjoint(lasting) else name


def _escape(found: re.Match[str]) -> str:
    """Write a character that not all file systems take, or tell from another one, by its number."""
    return f"_{ord(found[0]):x}_"


def _shorten(file: str) -> str:
    if len(file) <= _LONGEST_NAME:
        return file
    return f"{file[: _LONGEST_NAME - 9]}_{sha256(file.encode()).hexdigest()[:8]}"
