"""Values as text in, objects out."""

from collections.abc import Callable

import pytest

from ks_universal.diagnostics import has_errors
from ks_universal.json_types import Json
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered
from ks_universal.values.parse import parse_yaml

Render = Callable[[str], Rendered]


@pytest.fixture
def render() -> Render:
    """Render values as the release `demo` without a namespace."""

    def render_text(text: str) -> Rendered:
        tree, problems = parse_yaml(text, "values.yaml")
        parsed = parse_application(tree)
        found = (*problems, *parsed.problems)
        assert parsed.application is not None and not has_errors(found), "\n".join(map(str, found))
        return build_objects(parsed.application, "demo", "")

    return render_text


@pytest.fixture
def render_object(render: Render) -> Callable[[str, str, str], Json]:
    """Give the one object of a kind and name."""

    def find(text: str, kind: str, name: str) -> Json:
        rendered = render(text)
        bodies = [*(r.body for r in rendered.objects), *(m.body for m in rendered.migrations)]
        (body,) = (b for b in bodies if (b["kind"], b["metadata"]["name"]) == (kind, name))
        return body

    return find


@pytest.fixture
def render_pod(render_object: Callable[[str, str, str], Json]) -> Callable[[str, str, str], Json]:
    """Give the PodSpec of the one object of a kind and name."""

    def find(text: str, kind: str, name: str) -> Json:
        pod: Json = render_object(text, kind, name)["spec"]["template"]["spec"]
        return pod

    return find
