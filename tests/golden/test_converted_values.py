"""Values that need no conversion make the same objects after it: what `convert` writes is read back as it was."""

from pathlib import Path

import pytest

from ks_universal.chart.convert import convert_values
from ks_universal.chart.write import write_tree
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered
from ks_universal.values.load import load_values
from ks_universal.values.nodes import Mapping
from ks_universal.values.parse import parse_yaml

CASES = sorted((Path(__file__).parent / "template").glob("*/values.yaml"))


def render(tree: Mapping) -> Rendered:
    application = parse_application(tree).application
    assert application is not None
    return build_objects(application, "demo", "ns")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.parent.name)
def test_converted_values_make_the_same_objects(case: Path) -> None:
    tree = load_values([str(case)]).tree
    written, problems = parse_yaml(write_tree(convert_values(tree).tree), "converted.yaml")
    assert problems == []
    assert render(written) == render(tree)
