"""A project file: the release of a folder, and what its environments differ in.

release: shop
namespace: shop
values: [values.yaml]
environments:
  prod:
    context: prod-eu
    namespace: shop-prod
    values: [values.prod.yaml]    # laid over the ones above
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.suggestions import suggest
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence, position
from ks_universal.values.scalars import is_null


class Environment(msgspec.Struct, frozen=True):
    """Where a release is deployed, and with which values files; None: the project does not say."""

    release: str | None = None
    namespace: str | None = None
    context: str | None = None
    values: tuple[str, ...] = ()


class Project(msgspec.Struct, frozen=True):
    """What a project file says: `general` for all environments, and each of these as it is with that."""

    file: str
    general: Environment
    environments: dict[str, Environment]

    def find_environment(self, name: str | None) -> Environment:
        """Give an environment, or what is general. Raises InputError for one that the project does not have."""
        if name is None:
            return self.general
        if name not in self.environments:
            message = f"{self.file} has no environment '{name}'"
            raise InputError([Problem("project/environment", message, hint=suggest(name, self.environments))])
        return self.environments[name]

    def check_context(self, environment: str | None, context: str | None) -> None:
        """Raise InputError where a context is not that of the environment, but of another one."""
        own = self.find_environment(environment).context
        others = [
            name for name, each in self.environments.items() if each.context is not None and each.context == context
        ]
        if context is None or context == own or (own is None and not others):
            return
        what = f"the environment {environment}" if environment else "no environment"
        belongs = f"is that of {' and '.join(others)}" if others else f"is none of {self.file}"
        hint = f"say which is meant: -e {others[0]}" if others else f"leave --context out, or take {own}"
        message = f"{what} is chosen, and the context {context} {belongs}; nothing was changed"
        raise InputError([Problem("project/context", message, hint=hint)])


def read_project(file: str) -> Project:
    """Read a project file; paths of values are relative to it. Raises InputError with all that is wrong with it."""
    loaded = load_values([file])
    reader = _Reader(file)
    project = reader.read(loaded.tree)
    if problems := (*loaded.problems, *reader.problems):
        raise InputError(problems)
    return project


class _Reader:
    """Reads the nodes of a project file, and gathers what is wrong."""

    _KEYS = ("release", "namespace", "context", "values")

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[Problem] = []

    def read(self, tree: Mapping) -> Project:
        general = self._read_environment(tree, (*self._KEYS, "environments"))
        environments = dict(self._read_environments(tree.entries.get("environments"), general))
        return Project(self._file, general, environments)

    def _read_environments(self, node: Node | None, general: Environment) -> Iterator[tuple[str, Environment]]:
        if node is None or is_null(node):
            return
        if not isinstance(node, Mapping):
            self._refuse(node, "environments is no map of environments by their names")
            return
        for name, each in node.entries.items():
            if isinstance(each, Mapping):
                own = self._read_environment(each, self._KEYS)
                yield (
                    name,
                    Environment(
                        release=own.release or general.release,
                        namespace=own.namespace or general.namespace,
                        context=own.context or general.context,
                        values=(*general.values, *own.values),
                    ),
                )
            else:
                self._refuse(each, f"environments.{name} is no map")

    def _read_environment(self, node: Mapping, known: tuple[str, ...]) -> Environment:
        for key, each in node.entries.items():
            if key not in known:
                self._refuse(each, f"there is no key '{key}' here", suggest(key, known))
        texts = {key: self._read_text(node.entries.get(key), key) for key in ("release", "namespace", "context")}
        return Environment(**texts, values=tuple(self._read_values(node.entries.get("values"))))

    def _read_text(self, node: Node | None, key: str) -> str | None:
        if node is None or is_null(node):
            return None
        if isinstance(node, Scalar) and node.text:
            return node.text
        self._refuse(node, f"{key} is no text")
        return None

    def _read_values(self, node: Node | None) -> Iterator[str]:
        if node is None or is_null(node):
            return
        for item in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(item, Scalar) and item.text:
                yield str(Path(self._file).parent / item.text)
            else:
                self._refuse(item, "values is no list of files")

    def _refuse(self, node: Node, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem("project/invalid", message, position(node.key_at or node.at), hint=hint))
