"""The rule that tells expressions from texts of other languages (D42)."""

from collections.abc import Callable

import pytest

from ks_universal.values.expressions.expand import Expanded

Expand = Callable[..., Expanded]


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "}}",
        "{{}}",
        "{{ }}",
        "{{ name }}",
        "{{name}}",
        "{{ title }}",
        "{{ user.name | upper }}",
        "{{ items['a'] }}",
        "{{ now() }}",
        "{{ foo.Values.x }}",
        "{% if x %}{{ x }}{% endif %}",
        "{{#each items}}{{this}}{{/each}}",
        "{{ $labels.instance }} is down",
        '{{ $value | printf "%.2f" }}',
        "{{ .CommonLabels.alertname }}",
        "{{ range .Alerts }}{{ .Labels.severity | toUpper }}{{ end }}",
        '{{ template "slack.default.title" . }}',
        '{{ if eq .Status "firing" }}FIRE{{ end }}',
        '{{ with secret "database/creds/app" }}{{ .Data.password }}{{ end }}',
        "{{ .Name }}",
        "{{0}} of {{1}}",
        "%{{ a }}d",
        "${{ github.sha }}",
        '{"a": {"b": {{x}}}}',
    ],
)
def test_text_of_another_language_is_left_alone(text: str, expand: Expand) -> None:
    assert expand(text) == Expanded(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('{{ "{{" }} name {{ "}}" }}', "{{ name }}"),
        ("{{ `{{ $labels.instance }}` }}", "{{ $labels.instance }}"),
        ("{{/* nothing */}}x", "x"),
        ('{{ "a" | upper }}', "A"),
        ("{{ .Release.Name }}", "my-release"),
        ("{{ $.Release.Name }}", "my-release"),
        ('{{ $x := "a" }}{{ $x }}', "a"),
    ],
)
def test_what_reads_the_values_or_calls_functions_on_literals_is_evaluated(
    text: str, result: str, expand: Expand
) -> None:
    assert expand(text).text == result


def test_what_was_probably_meant_for_an_expression_is_left_with_a_warning(expand: Expand) -> None:
    expanded = expand("{{ .values.registry }}")

    assert expanded.text == "{{ .values.registry }}"
    assert [(w.code, w.hint, w.at) for w in expanded.warnings] == [
        ("expressions/left-as-text", "did you mean '.Values'?", 3)
    ]


def test_one_expression_makes_the_whole_text_one(expand: Expand) -> None:
    (error,) = expand("{{ name }} {{ .Release.Name }}").errors

    assert error.code == "expressions/unknown-function"


def test_where_braces_are_never_text_everything_is_an_expression(expand: Expand) -> None:
    (error,) = expand("{{ name }}", always=True).errors

    assert error.code == "expressions/unknown-function"
