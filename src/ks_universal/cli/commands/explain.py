"""`ks-universal explain`: what a key of the values is, and what a finding code means."""

import textwrap
from collections.abc import Iterator

import click
import msgspec

from ks_universal.cli.show.console import write_result
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.finding_codes import FindingCode
from ks_universal.model.reference.description import FormatMap, Key, Kind, KubernetesMap, list_keys
from ks_universal.model.reference.explain import Explained, find_inner, find_key, find_paths, name_default, name_kind

_WIDTH = 100


@click.command()
@click.argument("word", metavar="[PATH|CODE]", default="")
@click.option("--recursive", is_flag=True, help="All keys below, with their types.")
def command(word: str, *, recursive: bool) -> None:
    """Explain a key of the values or the code of a finding.

    PATH is a key such as deployments.*.migrations.steps; without it the sections are listed. CODE is what a finding
    has in its brackets, such as migrations/locked.
    """
    from ks_universal.api.explain import explain_code, is_code

    if is_code(word):
        lines = _format_code(explain_code(word), word)
    else:
        explained = _find_key(word)
        below = _format_tree(explained.key.kind, ()) if recursive else _format_keys(explained.key.kind)
        lines = iter([*_format_head(explained), *below])
    write_result("\n".join(lines) + "\n")


def _find_key(path: str) -> Explained:
    """Find a key; what is unknown may be meant as a code, too."""
    from ks_universal.api.explain import suggest_codes

    try:
        return find_key(path)
    except InputError as error:
        near = None if find_paths(path) else suggest_codes(path)
        raise InputError(
            [_add_codes(problem, near) for problem in error.problems] if near else error.problems
        ) from None


def _add_codes(problem: Problem, codes: str) -> Problem:
    hint = problem.hint or ""
    key = f"{hint.rstrip('?')}, or" if hint.startswith("did you mean") else "did you mean"
    return msgspec.structs.replace(problem, hint=f"{key} the code {codes}?")


def _format_code(found: FindingCode, word: str) -> Iterator[str]:
    yield f"CODE:     {found.code}{f' (formerly {word})' if word in found.aliases else ''}"
    yield from ("", *_wrap(found.meaning, "  "))
    yield from ("", "CAUSE:", *_wrap(found.cause, "  "))
    yield from ("", "WHAT TO DO:", *_wrap(found.action, "  "))
    if found.commands:
        yield from ("", "BY MIGRATION TOOL:")
        for tool, text in found.commands.items():
            yield from textwrap.wrap(f"{tool}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="      ")


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
    described = {name: key for name, key in keys.items() if isinstance(inner, KubernetesMap) or key.origin is None}
    yield from ("", "KEYS:")
    for name, key in described.items():
        yield f"  {name}   {_format_type(key)}"
        if isinstance(inner, FormatMap):
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
