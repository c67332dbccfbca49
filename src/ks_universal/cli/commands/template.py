"""`ks-universal template`: the manifests of a release, on standard output or as the files of a folder."""

from pathlib import PurePosixPath

import click

from ks_universal import (
    Flavor,
    FluxSource,
    InputError,
    PlainStage,
    Rendered,
    check_flavor,
    check_folder,
    check_for_files,
    has_errors,
    list_names,
    render,
    sort_problems,
    template,
    write_folder,
)
from ks_universal.cli.options import CheckObjects, Source, checks_objects, takes_values
from ks_universal.cli.show.console import say, show_problems, write_result


@click.command()
@click.argument("name")
@takes_values
@click.option("-n", "--namespace", default="", help="The namespace of the objects; without it they name none.")
@click.option(
    "--flavor",
    type=click.Choice([flavor.value for flavor in Flavor]),
    show_default=Flavor.PLAIN.value,
    help="What orders the objects: stages that a script applies, Helm's hooks, Argo CD's sync waves, or Flux.",
)
@click.option(
    "--stage",
    type=click.Choice([stage.value for stage in PlainStage]),
    help="Of the flavor 'plain', only what is applied together: see docs/gitops.md.",
)
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json", "name"]), help="The format, or names only.  [default: yaml]"
)
@checks_objects
@click.option("--show", multiple=True, metavar="KIND/NAME", help="Only this object; can be repeated.")
@click.option("--out-dir", metavar="DIR", help="Write a file for each object, and remove those it wrote before.")
@click.option(
    "--check", "only_check", is_flag=True, help="Only tell whether DIR has what the values give; else exit 1."
)
@click.option(
    "--flux-source", metavar="[KIND/]NAME", help="Where Flux has it from.  [default: GitRepository/flux-system]"
)
@click.option(
    "--flux-namespace", metavar="NAME", help="The namespace of that and of the Kustomizations.  [default: flux-system]"
)
@click.option("--flux-path", metavar="PATH", help="Where DIR is in that source.  [default: DIR]")
def command(  # noqa: PLR0913 - one for each option
    name: str,
    source: Source,
    namespace: str,
    flavor: str | None,
    output: str | None,
    show: tuple[str, ...],
    check: CheckObjects | None,
    out_dir: str | None,
    stage: str | None,
    flux_source: str | None,
    flux_namespace: str | None,
    flux_path: str | None,
    *,
    only_check: bool,
) -> None:
    """Print the Kubernetes manifests of the release NAME, in the order to apply them, or write them into a folder."""
    if out_dir is None and only_check:
        raise click.UsageError("--check needs the folder to look at: --out-dir DIR")
    if out_dir is not None and (output is not None or show):
        raise click.UsageError("--out-dir writes all objects as YAML: leave out --output and --show")
    chosen = Flavor(flavor or Flavor.PLAIN)
    if stage is not None and (chosen is not Flavor.PLAIN or out_dir is not None):
        raise click.UsageError("--stage is for the flavor 'plain' on standard output")
    if chosen is not Flavor.FLUX and (flux_source or flux_namespace or flux_path):
        raise click.UsageError("--flux-source, --flux-namespace and --flux-path are for --flavor flux")
    flux = None if chosen is not Flavor.FLUX else _read_flux(flux_source, flux_namespace, flux_path, out_dir)
    values = source.load(name, namespace, keep_tree=check is not None)
    rendered = render(values, name, namespace)
    is_asked = flavor is not None or stage is not None or out_dir is not None
    is_staged = stage is not None or out_dir is not None
    unkept = check_flavor(rendered, chosen, is_staged=is_staged) if is_asked else ()
    for_files = () if out_dir is None else check_for_files(rendered)
    problems = sort_problems([*values.problems, *unkept, *for_files, *(check(values, rendered) if check else ())])
    if has_errors(problems):
        raise InputError(problems)
    if out_dir is None:
        part = None if stage is None else PlainStage(stage)
        if output == "name":
            text = "".join(f"{name}\n" for name in list_names(rendered, chosen, show=show, stage=part))
        else:
            text = template(rendered, chosen, show=show, json=output == "json", stage=part, flux=flux)
        show_problems(problems)
        write_result(text)
    elif only_check:
        if outdated := check_folder(rendered, chosen, out_dir, flux=flux):
            raise InputError((*problems, *outdated))
        show_problems(problems)
        say(f"{out_dir} has what the values give")
    else:
        show_problems(problems)
        _write(rendered, chosen, out_dir, flux)


def _read_flux(source: str | None, namespace: str | None, path: str | None, folder: str | None) -> FluxSource:
    default = FluxSource()
    kind, _, name = (source or default.name).rpartition("/")
    place = PurePosixPath(default.path if folder is None else folder) if path is None else PurePosixPath(path)
    if place.is_absolute() or ".." in place.parts:
        raise click.UsageError(f"{place} is not a path in a source: say with --flux-path where the folder is in it")
    return FluxSource(kind or default.kind, name, namespace or default.namespace, str(place))


def _write(rendered: Rendered, flavor: Flavor, folder: str, flux: FluxSource | None) -> None:
    changes = write_folder(rendered, flavor, folder, flux=flux)
    for verb, paths in (("wrote", changes.written), ("removed", changes.removed)):
        for path in paths:
            say(f"{verb} {folder.rstrip('/')}/{path}")
    say(f"{folder}: {len(changes.written)} written, {len(changes.removed)} removed, {len(changes.unchanged)} unchanged")
