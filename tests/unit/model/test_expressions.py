"""Expressions where the format reads them, from YAML to the application."""

from ks_universal.model.conversion.expressions import Release
from ks_universal.model.parse import Parsed, parse_application
from ks_universal.values.nodes import Scalar, find
from ks_universal.values.parse import parse_yaml

VALUES = """\
registry: example.com
global: {tag: "1.10"}
deploymentsGeneral:
  initContainers: [{name: wait, image: "{{ .Values.registry }}/wait", imageTag: "1"}]
deployments:
  app:
    migrations:
      enabled: true
      image: "{{ .Values.registry }}/migrate"
      imageTag: "{{ .Values.global.tag }}"
      steps: [{name: one, args: [up], env: [{name: S, value: "{{ .Release.Namespace }}"}]}]
    containers:
      main:
        image: '{{ .Values.registry }}/{{ .Chart.Name }}'
        imageTag: |
          {{ if .Values.global.tag }}
          {{ .Values.global.tag }}
          {{ end }}
        env:
          - {name: A, value: "{{ .Release.Name }}"}
          - {name: B, value: {deep: ["{{ .Values.registry }}", "{{ jinja }}"]}}
          - {name: C, value: "{{ $labels.instance }}"}
        secretRefs: [group]
secretRefs:
  group: [{name: G, value: "{{ .Values.registry }}"}]
"""


def parse(text: str) -> Parsed:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return parse_application(tree, Release("shop", "prod"))


def app(container: str, more: str = "") -> str:
    return f"{more}\ndeployments:\n  app:\n    containers:\n      main:\n        {container}\n"


def test_expressions_are_read_wherever_the_format_has_them() -> None:
    parsed = parse(VALUES)

    assert parsed.problems == ()
    assert parsed.application is not None
    deployment = parsed.application.deployments["app"]
    main = deployment.containers["main"]
    assert (main.image, main.image_tag) == ("example.com/ks-universal", "1.10")
    values = [variable.value for variable in main.env]
    assert values == ["shop", "deep:\n- example.com\n- '{{ jinja }}'", "{{ $labels.instance }}"]
    assert deployment.init_containers[0].image == "example.com/wait"
    assert (deployment.migrations.image, deployment.migrations.image_tag) == ("example.com/migrate", "1.10")
    assert deployment.migrations.steps[0].env[0].value == "prod"
    assert parsed.application.secret_refs["group"][0].value == "example.com"


def test_a_missing_value_is_found_at_its_place_d14() -> None:
    (problem,) = parse(app("image: my-{{ .Values.regsitry }}:1", "registry: example.com")).problems[:1]

    assert problem.code == "expressions/missing-value"
    assert problem.message == "deployments.app.containers.main.image: .Values.regsitry has no value"
    assert str(problem.where) == "values.yaml:6:22"
    assert problem.hint == "did you mean 'registry'?"


def test_other_places_keep_their_braces() -> None:
    parsed = parse(app("image: a:1\n        args: ['{{ .Values.x }}']"))

    assert parsed.application is not None
    assert parsed.application.deployments["app"].containers["main"].args == ("{{ .Values.x }}",)


def test_braces_in_an_image_are_never_text_d42() -> None:
    codes = [problem.code for problem in parse(app("image: 'a-{{ name }}:1'")).problems]

    assert "expressions/unknown-function" in codes


def test_a_key_that_only_expressions_name_is_not_unknown() -> None:
    with_expression = parse(app("image: '{{ .Values.registry }}/a:1'", "registry: example.com"))
    without = parse(app("image: a:1", "registry: example.com"))

    assert with_expression.problems == ()
    assert [problem.code for problem in without.problems] == ["values/unknown-key"]


def test_expressions_see_the_values_before_anything_is_inherited_d58() -> None:
    more = "deploymentsGeneral: {labels: {inherited: x}}"
    text = app("image: a:1\n        env: [{name: A, value: '{{ .Values.deployments.app | keys }}'}]", more)
    parsed = parse(text)

    assert parsed.application is not None
    assert parsed.application.deployments["app"].containers["main"].env[0].value == "[containers]"


def test_values_without_expressions_stay_the_same_tree() -> None:
    from ks_universal.model.conversion.expressions import expand_expressions

    tree, _ = parse_yaml(app("image: a:1\n        env: [{name: A, value: b}]"), "values.yaml")
    expansion = expand_expressions(tree, Release())

    assert expansion.tree is tree
    assert (expansion.problems, expansion.keys) == ([], set())


def test_a_result_stands_where_the_expression_was_written() -> None:
    from ks_universal.model.conversion.expressions import expand_expressions

    tree, _ = parse_yaml(app("image: '{{ .Release.Name }}:1'"), "values.yaml")
    path = ("deployments", "app", "containers", "main", "image")
    before, after = find(tree, path), find(expand_expressions(tree, Release("shop")).tree, path)

    assert isinstance(before, Scalar)
    assert isinstance(after, Scalar)
    assert (after.text, after.plain, after.at, after.key_at) == ("shop:1", False, before.at, before.key_at)
