"""Where checks put their findings."""

from collections.abc import Iterable, Set

from ks_universal.diagnostics import Position, Problem, Severity
from ks_universal.model.conversion.findings import Suggestions, name_place
from ks_universal.model.format.workloads import WORKLOAD_SECTIONS
from ks_universal.suggestions import suggest
from ks_universal.values.nodes import Mapping, Path, find, locate


class Report:
    """Findings of the checks, each place and clause once: what entries inherit is found in many and written once."""

    def __init__(self, tree: Mapping, broken: Set[Path], namespace: str = "", release: str = "") -> None:
        self.tree = tree
        self.release = release
        self.namespace = namespace
        self.problems: list[Problem] = []
        self._broken = broken
        self._suggestions = Suggestions()
        self._above_broken = {path[:end] for path in broken for end in range(1, len(path))}
        self._seen: set[tuple[str, Position, str]] = set()

    def error(self, code: str, path: Path, clause: str, hint: str | None = None, *, key: bool = False) -> None:
        """Report what must not stay; `clause` follows the path, `key` points at the path's key and not at its value."""
        self._add(Problem(code, clause, None, hint), path, key=key)

    def warn(self, code: str, path: Path, clause: str, hint: str | None = None, *, key: bool = False) -> None:
        """Report what may be meant so."""
        self._add(Problem(code, clause, None, hint, Severity.WARNING), path, key=key)

    def missing(self, path: Path, key: str, hint: str | None = None) -> None:
        """Report a key that a map needs; one that is written, but unusable, has a finding of its own."""
        if not self.is_broken((*path, key)):
            self.error("values/missing-key", path, f"needs the key '{key}'", hint, key=True)

    def is_broken(self, path: Path) -> bool:
        """Tell whether something unusable is at a path, above or below it: what it says is not known."""
        return path in self._above_broken or any(path[:end] in self._broken for end in range(1, len(path) + 1))

    def is_written(self, path: Path) -> bool:
        """Tell whether the tree has the path, usable or not."""
        return find(self.tree, path) is not None

    def names_below(self, section: str) -> Iterable[str]:
        """List the keys of a top-level section as written, also those whose entries could not be typed."""
        return self.names_below_path((section,))

    @property
    def workload_names(self) -> Iterable[str]:
        """List the names of all workloads as written, also those that could not be typed."""
        return [name for section in WORKLOAD_SECTIONS for name in self.names_below(section)]

    def names_below_path(self, path: Path) -> Iterable[str]:
        """List the keys of a map as written; none if there is no map."""
        node = find(self.tree, path)
        return node.entries if isinstance(node, Mapping) else ()

    def suggest(self, name: str, known: Iterable[str]) -> str | None:
        """Make the hint for a name that is not among the known ones; the hundred-and-first gets none."""
        if not self._suggestions.take():
            return None
        return suggest(name, known)

    def _add(self, problem: Problem, path: Path, *, key: bool) -> None:
        if self._broken and not key and self.is_broken(path):
            return
        where = locate(self.tree, path, key=key)
        identity = (problem.code, where, problem.message)
        if identity in self._seen:
            return
        self._seen.add(identity)
        message = f"{name_place(path)} {problem.message}"
        self.problems.append(Problem(problem.code, message, where, problem.hint, problem.severity))
