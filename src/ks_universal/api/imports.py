"""Manifests that others made to values."""

from collections.abc import Callable, Sequence

import msgspec

from ks_universal.api.values import check_namespace
from ks_universal.diagnostics import Problem, has_errors
from ks_universal.errors import InputError
from ks_universal.imports.convert import import_objects
from ks_universal.imports.read import read_objects
from ks_universal.values.load import load_documents


class ImportedValues(msgspec.Struct, frozen=True):
    """Values that make the objects of manifests again: `text` is the file, with comments where something was decided.

    `problems`, sorted by place, say what was left out (`import/left-out`) and what the values make otherwise
    (`import/differs`, `import/selects`); errors among them are of values that cannot be used as they are.
    """

    text: str
    problems: tuple[Problem, ...]

    def __repr__(self) -> str:
        """Show no values: they may hold secrets."""
        return f"ImportedValues({len(self.problems)} problems)"


def import_manifests(
    files: Sequence[str],
    *,
    stdin: Callable[[], str] | None = None,
    namespace: str = "",
    with_secret_values: bool = False,
) -> ImportedValues:
    """Make values of manifests: what `helm get manifest`, `helm template` or `kubectl get -o yaml` prints.

    `files` are paths; `-` is the text that `stdin` returns. `namespace` is that of the release (default: the one that
    most objects name). Values of Secrets are left out unless `with_secret_values`.

    Raises InputError where the manifests cannot be read.
    """
    if namespace:
        check_namespace(namespace)
    documents, unreadable = load_documents(files, stdin=stdin)
    objects, problems = read_objects(documents)
    problems = [*unreadable, *([] if unreadable and not objects else problems)]
    if has_errors(problems):
        raise InputError(problems)
    imported = import_objects(objects, namespace=namespace, with_secret_values=with_secret_values)
    return ImportedValues(imported.text, (*problems, *imported.problems))
