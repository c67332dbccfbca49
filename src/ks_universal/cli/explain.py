"""`ks-universal explain`: what a key of the values is."""

import textwrap
from collections.abc import Iterator

import click

from ks_universal.cli.console import write_result
from ks_universal.model.description import Key, Kind, Ours, Theirs, list_keys
from ks_universal.model.explain import Explained, find_inner, find_key, name_default, name_kind

_WIDTH = 100


@click.command()
@click.argument("path", default="")
@click.option("--recursive", is_flag=True, help="All keys below, with their types.")
def command(path: str, *, recursive: bool) -> None:
    """Say what the key at PATH is, such as deployments.*.migrations.steps; without PATH list the sections."""
    explained = find_key(path)
    below = _format_tree(explained.key.kind, ()) if recursive else _format_keys(explained.key.kind)
    write_result("\n".join([*_format_head(explained), *below]) + "\n")


def _format_head(explained: Explained) -> Iterator[str]:
    key = explained.key
    if explained.path:
        yield f"KEY:      {explained.path}"
    yield f"TYPE:     {_format_type(key)}"
    if (default := name_default(key)) is not None:
        yield f"DEFAULT:  {default}"
    yield ""
    yield from _wrap(key.description, "  ")


def _format_keys(kind: Kind) -> Iterator[str]:
    """Write the keys of a map with what they are; those that Kubernetes brings, by their names."""
    inner = find_inner(kind)
    if inner is None:
        return
    keys = list_keys(inner)
    described = {name: key for name, key in keys.items() if isinstance(inner, Theirs) or key.origin is None}
    yield from ("", "KEYS:")
    for name, key in described.items():
        yield f"  {name}   {_format_type(key)}"
        if isinstance(inner, Ours):
            yield from _wrap(key.description, "      ")
    passed = [name for name in keys if name not in described]
    if passed:
        yield from ("", "Also taken, as Kubernetes knows them here:")
        yield from _wrap(", ".join(passed), "  ")


def _format_tree(kind: Kind, above: tuple[Kind, ...]) -> Iterator[str]:
    """Write all keys below, indented; a definition within itself is not opened again."""
    inner = find_inner(kind)
    if inner is None or inner in above:
        return
    if not above:
        yield from ("", "KEYS:")
    for name, key in list_keys(inner).items():
        yield f"{'  ' * (len(above) + 1)}{name}   {_format_type(key)}"
        yield from _format_tree(key.kind, (*above, inner))


def _format_type(key: Key) -> str:
    return name_kind(key.kind) + (", required" if key.required else "")


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
