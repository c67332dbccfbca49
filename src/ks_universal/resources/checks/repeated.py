"""Extra objects that something else of the release is, too."""

from collections.abc import Iterator

from ks_universal.diagnostics import Problem
from ks_universal.model.format.application import Application
from ks_universal.resources.build import build_objects
from ks_universal.resources.extra_objects import build_with_paths
from ks_universal.resources.metadata import Scope
from ks_universal.resources.objects import object_ref
from ks_universal.values.nodes import Mapping, format_path, locate


def find_repeated(application: Application, tree: Mapping, release: str, namespace: str) -> Iterator[Problem]:
    """Find the extra objects that the values make elsewhere: an error each, where they are written."""
    if not application.extra_objects:
        return
    rendered = build_objects(application, release, namespace)
    made = {object_ref(resource.body) for resource in rendered.objects if not resource.is_extra}
    made.update(object_ref(migration.body) for migration in rendered.migrations)
    for path, body in build_with_paths(Scope(release, namespace, application.generic), application.extra_objects):
        ref = object_ref(body)
        if ref in made:
            message = f"{format_path(path)} is {ref}, which these values make already"
            where = locate(tree, path, key=isinstance(path[-1], str))
            yield Problem("names/duplicate", message, where, "leave one of the two out, or give it another name")
