"""The example's values are good input, alone and in each combination that its README names."""

from pathlib import Path

import pytest

from ks_universal.model.format.application import Application
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.values.load import load_values

SHOP = Path(__file__).parents[3] / "examples" / "shop"


def read(*names: str) -> Application:
    loaded = load_values([str(SHOP / name) for name in names])
    assert loaded.problems == ()
    parsed = parse_application(loaded.tree)
    assert list(parsed.problems) == []
    assert parsed.application is not None
    return parsed.application


@pytest.mark.parametrize(
    "names",
    [
        ("values.yaml",),
        ("values.yaml", "values.local.yaml"),
        ("values.yaml", "values.v2.yaml"),
        ("values.yaml", "values.local.yaml", "values.v2.yaml"),
    ],
    ids="+".join,
)
def test_values_have_no_findings_and_run_two_steps(names: tuple[str, ...]) -> None:
    rendered = build_objects(read(*names), "shop", "default")
    jobs = [migration.body["metadata"]["name"] for migration in rendered.migrations]
    assert jobs == ["shop-migrations-schema", "shop-migrations-data"]


def test_second_version_is_another_image_schema_and_name_for_the_same_folder() -> None:
    first = read("values.yaml", "values.local.yaml")
    second = read("values.yaml", "values.local.yaml", "values.v2.yaml")
    assert first.local == second.local
    assert first.configs["shop-settings"].data["VERSION"] == "1.0.0"
    assert second.configs["shop-settings"].data["VERSION"] == "2.0.0"
    assert [step.args for step in second.deployments["shop"].migrations.steps] == [
        ("upgrade", "schema_2"),
        ("upgrade", "data_1"),
    ]
