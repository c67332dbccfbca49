"""`ks-universal template`: the manifests of a release, on standard output or as the files of a folder."""

import click

from ks_universal import (
    Flavor,
    InputError,
    Rendered,
    check_flavor,
    check_folder,
    check_for_files,
    has_errors,
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
    help="What orders the objects: nothing but their sequence, Helm's hooks, or Argo CD's sync waves.",
)
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), help="The format.  [default: yaml]")
@checks_objects
@click.option("--show", multiple=True, metavar="KIND/NAME", help="Only this object; can be repeated.")
@click.option("--out-dir", metavar="DIR", help="Write a file for each object, and remove those it wrote before.")
@click.option(
    "--check", "only_check", is_flag=True, help="Only tell whether DIR has what the values give; else exit 1."
)
def command(  # noqa: PLR0913 - one for each option
    name: str,
    source: Source,
    namespace: str,
    flavor: str | None,
    output: str | None,
    show: tuple[str, ...],
    check: CheckObjects | None,
    out_dir: str | None,
    *,
    only_check: bool,
) -> None:
    """Print the Kubernetes manifests of the release NAME, in the order to apply them, or write them into a folder."""
    if out_dir is None and only_check:
        raise click.UsageError("--check needs the folder to look at: --out-dir DIR")
    if out_dir is not None and (output is not None or show):
        raise click.UsageError("--out-dir writes all objects as YAML: leave out --output and --show")
    values = source.load(name, namespace, keep_tree=check is not None)
    rendered = render(values, name, namespace)
    chosen = Flavor(flavor or Flavor.PLAIN)
    unkept = () if flavor is None and out_dir is None else check_flavor(rendered, chosen)
    for_files = () if out_dir is None else check_for_files(rendered)
    problems = sort_problems([*values.problems, *unkept, *for_files, *(check(values, rendered) if check else ())])
    if has_errors(problems):
        raise InputError(problems)
    if out_dir is None:
        text = template(rendered, chosen, show=show, json=output == "json")
        show_problems(problems)
        write_result(text)
    elif only_check:
        if outdated := check_folder(rendered, chosen, out_dir):
            raise InputError((*problems, *outdated))
        show_problems(problems)
        say(f"{out_dir} has what the values give")
    else:
        show_problems(problems)
        _write(rendered, chosen, out_dir)


def _write(rendered: Rendered, flavor: Flavor, folder: str) -> None:
    changes = write_folder(rendered, flavor, folder)
    for verb, paths in (("wrote", changes.written), ("removed", changes.removed)):
        for path in paths:
            say(f"{verb} {folder.rstrip('/')}/{path}")
    say(f"{folder}: {len(changes.written)} written, {len(changes.removed)} removed, {len(changes.unchanged)} unchanged")
