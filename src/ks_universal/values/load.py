"""Values from files, standard input and the command line, as one tree. The only module here that reads files."""

import os
from collections import abc
from collections.abc import Callable, Sequence
from types import MappingProxyType

import msgspec

from ks_universal.diagnostics import Position, Problem
from ks_universal.values.assign import assign
from ks_universal.values.merge import merge
from ks_universal.values.nodes import Mapping, Node, Written
from ks_universal.values.overrides import OVERRIDE_FLAGS, Override, parse_override
from ks_universal.values.parse import parse_documents, parse_yaml

# Far beyond any values file: keeps `-f /dev/zero` from filling the memory.
_MAX_BYTES = 64 * 1024 * 1024


Texts = abc.Mapping[str, str]
"""The text of what is no file, by the name that findings are to call it."""
_NO_TEXTS: Texts = MappingProxyType({})


class Loaded(msgspec.Struct, frozen=True):
    """What was read: the merged tree, whole as far as there are no errors among `problems`."""

    tree: Mapping
    problems: tuple[Problem, ...]


def load_values(
    files: Sequence[str],
    overrides: Sequence[Override] = (),
    *,
    stdin: Callable[[], str] | None = None,
    texts: Texts = _NO_TEXTS,
) -> Loaded:
    """Read and merge `files`, later ones winning, then `overrides` in Helm's order; `-` is what `stdin` returns.

    Those that `texts` has are not read from a disk.
    Findings of all files and overrides come together, in the order in which these were given.
    """
    reader = _Reader(stdin, texts)
    tree, problems = Mapping({}, Written(files[0] if files else "values")), reader.problems
    for number, file in enumerate(files):
        layer, found = parse_yaml(reader.read(file), file)
        tree = merge(tree, layer) if number else layer
        problems.extend(found)
    for override in sorted(overrides, key=lambda o: OVERRIDE_FLAGS.index(o.flag)):
        assignments, found = parse_override(override, reader.read)
        problems.extend(found)
        for assignment in assignments:
            tree, found = assign(tree, assignment)
            problems.extend(found)
    return Loaded(tree, tuple(problems))


def load_documents(
    files: Sequence[str], *, stdin: Callable[[], str] | None = None
) -> tuple[list[Node], tuple[Problem, ...]]:
    """Read the documents of all `files`, each by itself, in the order given; `-` is what `stdin` returns."""
    reader = _Reader(stdin)
    documents: list[Node] = []
    for file in files:
        found, problems = parse_documents(reader.read(file), file)
        documents += found
        reader.problems += problems
    return documents, tuple(reader.problems)


class _Reader:
    """Reads files, and standard input once; what fails reads as empty and leaves a finding."""

    def __init__(self, stdin: Callable[[], str] | None, texts: Texts = _NO_TEXTS) -> None:
        self._stdin = stdin
        self._texts = texts
        self.problems: list[Problem] = []

    def read(self, file: str, where: Position | None = None) -> str:
        """Give the text of a file; `where` is the place that asks for it, if any."""
        if file in self._texts:
            return self._texts[file]
        try:
            return self._read_stdin() if file == "-" else _read_file(file)
        except UnicodeDecodeError as error:
            self._report(f"{file} is not UTF-8 text", _place(file, error), "save it as UTF-8")
        except OSError as error:
            self._report(f"{file} cannot be read: {_reason(error)}", where)
        except ValueError as error:
            self._report(f"{file!r} cannot be read: {error}", where)
        return ""

    def _read_stdin(self) -> str:
        if self._stdin is None:
            raise ValueError("there is no standard input, or it was read before")
        read, self._stdin = self._stdin, None
        return read()

    def _report(self, message: str, where: Position | None, hint: str | None = None) -> None:
        self.problems.append(Problem("values/unreadable", message, where, hint))


def _read_file(file: str) -> str:
    if not file:
        raise ValueError("the name of the file is empty")
    with open(file, "rb") as stream:  # noqa: PTH123 - pathlib costs start-up time
        raw = stream.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES // 1024 // 1024} MiB")
    return raw.decode()


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _place(file: str, error: UnicodeDecodeError) -> Position:
    before = error.object[: error.start]
    return Position(file, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
