"""Values in, manifests out, read as a diff; rewritten with `pytest tests/golden --update-goldens`."""

import os
from pathlib import Path

import kubernetes_validate
import pytest

from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.manifest.yaml import write_yaml
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Json, identity
from ks_universal.values.load import load_values

CASES = sorted(Path(__file__).parent.joinpath("template").iterdir(), key=os.fspath)
SHOWN_IN_ALL_FLAVORS = ("accounts", "bytes", "claims", "depends-on", "expand-contract", "guide-complete", "guide-steps")
SHOWN = [
    (case, flavor) for case in CASES for flavor in Flavor if flavor is Flavor.PLAIN or case.name in SHOWN_IN_ALL_FLAVORS
]


def render(case: Path, flavor: Flavor) -> tuple[Json, ...]:
    loaded = load_values([str(case / "values.yaml")])
    parsed = parse_application(loaded.tree)
    assert parsed.application is not None, "\n".join(map(str, (*loaded.problems, *parsed.problems)))
    return flavor_objects(build_objects(parsed.application, "demo", "shop"), flavor)


@pytest.mark.parametrize(("case", "flavor"), SHOWN, ids=[f"{case.name}-{flavor}" for case, flavor in SHOWN])
def test_manifests_are_as_expected(case: Path, flavor: Flavor, update_goldens: bool) -> None:
    text = write_yaml(render(case, flavor))
    expected = case / ("expected.yaml" if flavor is Flavor.PLAIN else f"expected.{flavor}.yaml")
    if update_goldens:
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("flavor", Flavor)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_object_passes_strict_validation(case: Path, flavor: Flavor) -> None:
    for body in render(case, flavor):
        kubernetes_validate.validate(body, "1.36", strict=True)


@pytest.mark.parametrize("flavor", Flavor)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_object_is_there_once(case: Path, flavor: Flavor) -> None:
    identities = [identity(body) for body in render(case, flavor)]
    assert len(identities) == len(set(identities))
