import runpy
from pathlib import Path

from ks_universal.model.kubernetes.fields import fields_of, load_table

ROOT = Path(__file__).parents[3]


def test_the_table_is_what_the_tool_makes_of_the_openapi() -> None:
    tool = runpy.run_path(str(ROOT / "tools/kubernetes_fields.py"))
    assert tool["TARGET"].read_text() == tool["format_table"](tool["build_table"](tool["read_definitions"]()))


def test_the_versions_are_what_the_tool_makes_of_the_openapi() -> None:
    tool = runpy.run_path(str(ROOT / "tools/kubernetes_fields.py"))
    assert tool["VERSIONS_TARGET"].read_text() == tool["format_versions"](tool["build_versions"]())


def test_fields_say_what_they_take() -> None:
    assert fields_of("SecretKeySelector") == {"key": "text!", "name": "text", "optional": "bool"}
    assert fields_of("ResourceRequirements")["limits"] == "{}quantity"


def test_every_definition_that_is_mentioned_is_there() -> None:
    plain = {"text", "bool", "int32", "int64", "number", "quantity", "int-or-text", "any"}
    kinds = {kind.rstrip("!").lstrip("[]{}") for fields in load_table().values() for kind in fields.values()}
    assert kinds - plain <= load_table().keys()
