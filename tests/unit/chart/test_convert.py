"""Values of the chart, taken over: what changes, and what is said about the rest."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from ks_universal.chart.convert import convert_values
from ks_universal.chart.write import write_tree
from ks_universal.model.parse import parse_application
from ks_universal.values.nodes import Mapping, Scalar, Written
from ks_universal.values.parse import parse_yaml
from support.examples import examples
from support.strategies import SECRET, broken_values

CASES = yaml.safe_load((Path(__file__).parents[2] / "data" / "chart_differences.yaml").read_text())
APP = "containers: {main: {image: a, imageTag: v1}}"


def convert(text: str) -> tuple[str, list[str]]:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    converted = convert_values(tree)
    return write_tree(converted.tree), [note.message for note in converted.notes]


def test_values_that_mean_the_same_stay_without_a_word() -> None:
    text = "deployments:\n  web:\n    containers:\n      main:\n        image: web\n        imageTag: 1.10\n"
    assert convert(text) == (text, [])


def test_values_below_a_parent_chart_are_taken_out_with_what_is_shared() -> None:
    written, notes = convert(f"global: {{x: 1}}\nother: {{}}\nks-universal:\n  deployments: {{a: {{{APP}}}}}\n")
    assert written.startswith("global:\n  x: 1\ndeployments:\n  a:\n")
    assert "other" not in written
    assert len(notes) == 1
    assert notes[0].startswith("ks-universal holds the values of the chart")


@pytest.mark.parametrize(
    ("helm", "ours"),
    [("1e+06", "1000000"), ("1.8e+06", "1800000"), ("-1.234567e+06", "-1234567"), ("1e+15", "1" + "0" * 15)],
)
def test_whole_numbers_that_helm_prints_as_floats_are_digits_again(helm: str, ours: str) -> None:
    written, notes = convert(f"configs: {{a: {{type: secret, data: {{limit: {helm}}}}}}}")
    assert f"limit: {ours}\n" in written
    # It may be a secret: the number itself is not said.
    assert notes == ["configs.a.data.limit is a whole number in digits again; Helm prints it as a float"]


@pytest.mark.parametrize("text", ['"1e+06"', "1.5e+00", "1.23e+01", "1e+300", "1e-06", "a1e+06"])
def test_texts_and_other_numbers_stay(text: str) -> None:
    written, notes = convert(f"configs: {{a: {{type: secret, data: {{limit: {text}}}}}}}")
    assert f"limit: {text}\n" in written
    assert notes == []


def test_what_nothing_reads_is_left_out_so_that_the_rest_is_valid() -> None:
    text = f"secure-app: {{}}\nregistry: r\ndeployments: {{a: {{replics: 2, {APP}}}}}\n"
    converted = convert_values(parse_yaml(text, "values.yaml")[0])
    named = [note.message.partition(" ")[0] for note in converted.notes]
    assert named == ["secure-app", "registry", "deployments.a.replics"]
    assert converted.notes[-1].hint == "write 'replicas' if that is meant"
    assert parse_application(converted.tree).problems == ()


def test_what_expressions_read_is_kept() -> None:
    text = "registry: r\ndeployments: {a: {containers: {main: {image: '{{ .Values.registry }}/a', imageTag: v1}}}}"
    written, notes = convert(text)
    assert written.startswith("registry: r\n")
    assert notes == []


def test_other_forms_of_the_charts_documentation_stay_as_they_are() -> None:
    assert "spec:" in convert("networkPolicies: {a: {spec: {podSelector: {}}}}")[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.get("note", "the same"))
def test_a_key_whose_meaning_differs_keeps_its_value_and_is_named(case: dict[str, str]) -> None:
    written, notes = convert(case["values"])
    assert len(notes) == ("note" in case)
    assert "".join(notes).startswith(case.get("note", ""))
    assert yaml.safe_load(written) == yaml.safe_load(case["values"])


@pytest.mark.parametrize("text", ["a\nb\n", "  a\nb", "a\nb\n\n", "tab\t\nx", "on", "1e3", "0644", "", "a: b", "ä"])
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    here = Written("values.yaml")
    again, problems = parse_yaml(write_tree(Mapping({"x": Scalar(text, plain=False, at=here)}, here)), "again.yaml")
    assert problems == []
    scalar = again.entries["x"]
    assert isinstance(scalar, Scalar)
    assert (scalar.text, scalar.plain) == (text, False)


@settings(max_examples=examples(150), deadline=timedelta(seconds=5), suppress_health_check=[HealthCheck.too_slow])
@given(broken_values())
def test_whatever_is_written_nothing_is_raised_and_no_secret_said(text: str) -> None:
    converted = convert_values(parse_yaml(text, "values.yaml")[0])
    assert SECRET not in "".join(map(str, converted.notes))
    assert parse_yaml(write_tree(converted.tree), "again.yaml")[1] == []
