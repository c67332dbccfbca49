"""`ks-universal explain`: what a key of the values is, and what a finding code means."""

import textwrap
from collections.abc import Iterable, Iterator

import click

from ks_universal import FindingCode, KeyExplanation, explain_code, explain_key, is_code
from ks_universal.cli.show.console import write_result

_WIDTH = 100


@click.command()
@click.argument("word", metavar="[PATH|CODE]", default="")
@click.option("--recursive", is_flag=True, help="All keys below, with their types.")
def command(word: str, *, recursive: bool) -> None:
    """Explain a key of the values or the code of a finding.

    PATH is a key such as deployments.*.migrations.steps; without it the sections are listed. CODE is what a finding
    has in its brackets, such as migrations/locked.
    """
    if is_code(word):
        lines = _format_code(explain_code(word), word)
    else:
        found = explain_key(word, recursive=recursive)
        below = _format_tree(found.keys, 1) if recursive else _format_keys(found)
        lines = iter([*_format_head(found), *(("", "KEYS:") if found.keys else ()), *below])
    write_result("\n".join(lines) + "\n")


def _format_code(found: FindingCode, word: str) -> Iterator[str]:
    yield f"CODE:     {found.code}{f' (formerly {word})' if word in found.aliases else ''}"
    yield from ("", *_wrap(found.meaning, "  "))
    yield from ("", "CAUSE:", *_wrap(found.cause, "  "))
    yield from ("", "WHAT TO DO:", *_wrap(found.action, "  "))
    if found.commands:
        yield from ("", "BY MIGRATION TOOL:")
        for tool, text in found.commands.items():
            yield from textwrap.wrap(f"{tool}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="      ")


def _format_head(found: KeyExplanation) -> Iterator[str]:
    if found.path:
        yield f"KEY:      {found.path}"
    yield f"TYPE:     {_format_type(found)}"
    if found.default is not None:
        yield f"DEFAULT:  {found.default}"
    yield ""
    yield from _wrap(found.description, "  ")


def _format_keys(found: KeyExplanation) -> Iterator[str]:
    """Write the keys below with what they are; those that Kubernetes brings, by their names."""
    for key in found.keys:
        yield f"  {key.path}   {_format_type(key)}"
        yield from _wrap(key.description, "      ")
    if found.kubernetes_keys:
        yield from ("", "Also taken, as Kubernetes knows them here:")
        yield from _wrap(", ".join(found.kubernetes_keys), "  ")


def _format_tree(keys: Iterable[KeyExplanation], depth: int) -> Iterator[str]:
    for key in keys:
        yield f"{'  ' * depth}{key.path}   {_format_type(key)}"
        yield from _format_tree(key.keys, depth + 1)


def _format_type(key: KeyExplanation) -> str:
    return key.type + (", required" if key.required else "")


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
