"""Values in, manifests out, read as a diff; rewritten with `pytest tests/golden --update-goldens`."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
from kubernetes_validate import utils

from ks_universal.diagnostics import has_errors
from ks_universal.json_types import Json
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.manifest.yaml import write_yaml
from ks_universal.model.kubernetes.fields import fields_of
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered, object_ref
from ks_universal.values.load import load_values

CASES_DIRECTORY = Path(__file__).parent / "template"
CASES = sorted(CASES_DIRECTORY.iterdir(), key=os.fspath)
SHOWN_IN_ALL_FLAVORS = (
    "accounts",
    "bytes",
    "claims",
    "daemon-sets",
    "depends-on",
    "expand-contract",
    "extra-objects",
    "guide-complete",
    "guide-steps",
    "jobs",
    "roles",
    "stateful-sets",
    "web-shop",
)
SHOWN_UNDONE = ("expand-contract", "steps-of-their-own")
SHOWN = [
    (case, flavor) for case in CASES for flavor in Flavor if flavor is Flavor.PLAIN or case.name in SHOWN_IN_ALL_FLAVORS
]

OTHERS = {
    "Certificate": "CertificateSpec",
    "DexAuthenticator": "DexAuthenticatorSpec",
    "HTTPRoute": "HTTPRouteSpec",
    "ServiceMonitor": "ServiceMonitorSpec",
}
"""Kinds of other projects: their fields are checked against the table made from their own definitions."""
UNKNOWN = frozenset(("ExternalSecret", "Kustomization", "PrometheusRule", "SecretStore", "Widget"))
"""Kinds of extra objects of which nothing here says what they take."""


def find_unknown_fields(value: Json, definition: str) -> list[str]:
    """List the fields of an object that its definition does not have, and the required ones that it lacks."""
    fields = fields_of(definition)
    wrong = [f"{definition}.{key}" for key in value if key not in fields]
    wrong += [
        f"{definition}.{key} is missing" for key, kind in fields.items() if kind.endswith("!") and key not in value
    ]
    for key, inner in value.items():
        kind = fields.get(key, "text").rstrip("!")
        for item in inner if kind.startswith("[]") else [inner]:
            if isinstance(item, dict) and not kind.startswith("{}") and kind != "any":
                wrong += find_unknown_fields(item, kind.removeprefix("[]"))
    return wrong


def build(case: Path) -> Rendered:
    loaded = load_values([str(case / "values.yaml")])
    parsed = parse_application(loaded.tree)
    found = (*loaded.problems, *parsed.problems)
    assert parsed.application is not None and not has_errors(found), "\n".join(map(str, found))
    return build_objects(parsed.application, "demo", "shop")


def render(case: Path, flavor: Flavor) -> tuple[Json, ...]:
    return flavor_objects(build(case), flavor)


@pytest.mark.parametrize(("case", "flavor"), SHOWN, ids=[f"{case.name}-{flavor}" for case, flavor in SHOWN])
def test_manifests_are_as_expected(case: Path, flavor: Flavor, update_goldens: bool) -> None:
    text = write_yaml(render(case, flavor))
    expected = case / ("expected.yaml" if flavor is Flavor.PLAIN else f"expected.{flavor}.yaml")
    if update_goldens:
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("name", SHOWN_UNDONE)
def test_what_undoes_migrations_is_as_expected(name: str, update_goldens: bool) -> None:
    case = CASES_DIRECTORY / name
    migrations = build(case).migrations
    text = write_yaml(tuple(job for migration in migrations for job in migration.undo))
    expected = case / "expected.undo.yaml"
    if update_goldens:
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.fixture(scope="module")
def read_schemas_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.mark.usefixtures("read_schemas_once")
@pytest.mark.parametrize("flavor", Flavor)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_object_passes_strict_validation(case: Path, flavor: Flavor) -> None:
    for body in render(case, flavor):
        if body["kind"] in OTHERS:
            assert find_unknown_fields(body["spec"], OTHERS[body["kind"]]) == []
        elif body["kind"] not in UNKNOWN:
            kubernetes_validate.validate(body, "1.36", strict=True)


@pytest.mark.parametrize("flavor", Flavor)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_object_is_there_once(case: Path, flavor: Flavor) -> None:
    identities = [object_ref(body) for body in render(case, flavor)]
    assert len(identities) == len(set(identities))
