"""`ks-universal import`: manifests of others as values."""

import click

from ks_universal import has_errors, import_manifests
from ks_universal.cli.options import read_stdin
from ks_universal.cli.show.console import show_problems, write_result


@click.command()
@click.option(
    "-f", "--filename", "files", multiple=True, metavar="FILE", help="Manifests, or - for standard input (the default)."
)
@click.option("-n", "--namespace", default="", help="The release's namespace.  [default: that of most objects]")
@click.option("--with-secret-values", is_flag=True, help="Write the values of Secrets, too, as plain text.")
def command(files: tuple[str, ...], namespace: str, *, with_secret_values: bool) -> int:
    """Turn manifests (helm get manifest NAME, kubectl get -o yaml) into values.

    The values go to standard output, with comments where something was decided. They are rendered and compared with the
    manifests: what differs, and what was left out, goes to standard error.
    """
    imported = import_manifests(
        files or ("-",), stdin=read_stdin, namespace=namespace, with_secret_values=with_secret_values
    )
    show_problems(imported.problems)
    write_result(imported.text)
    return 1 if has_errors(imported.problems) else 0
