"""`ks-universal template`: the manifests of a release, on standard output."""

import click

from ks_universal import Flavor, InputError, check_flavor, has_errors, render, sort_problems, template
from ks_universal.cli.options import CheckObjects, Source, checks_objects, takes_values
from ks_universal.cli.show.console import show_problems, write_result


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
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="The format."
)
@checks_objects
@click.option("--show", multiple=True, metavar="KIND/NAME", help="Only this object; can be repeated.")
def command(  # noqa: PLR0913 - one for each option
    name: str,
    source: Source,
    namespace: str,
    flavor: str | None,
    output: str,
    show: tuple[str, ...],
    check: CheckObjects | None,
) -> None:
    """Print the Kubernetes manifests of the release NAME, in the order to apply them."""
    values = source.load(name, namespace, keep_tree=check is not None)
    rendered = render(values, name, namespace)
    unkept = () if flavor is None else check_flavor(rendered, Flavor(flavor))
    problems = sort_problems([*values.problems, *unkept, *(check(values, rendered) if check else ())])
    if has_errors(problems):
        raise InputError(problems)
    text = template(rendered, Flavor(flavor or Flavor.PLAIN), show=show, json=output == "json")
    show_problems(problems)
    write_result(text)
