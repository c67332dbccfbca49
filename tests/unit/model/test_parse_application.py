import re

import pytest

from ks_universal.diagnostics import Position
from ks_universal.model.format.application import Application
from ks_universal.model.parse import Parsed, parse_application
from ks_universal.values.nodes import locate
from ks_universal.values.parse import parse_yaml

APP = "deployments: {app: {containers: {main: {image: app, imageTag: '1'%s}}%s}}"


def parse(text: str) -> Parsed:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return parse_application(tree)


def parse_good(text: str) -> Application:
    parsed = parse(text)
    assert parsed.problems == ()
    assert parsed.application is not None
    return parsed.application


def test_a_misspelt_key_is_found_with_its_place_and_the_nearest_key() -> None:
    text = """
deployments:
  my-app:
    migrations:
      enabled: true
      args: [up]
      backofLimit: 3
    containers:
      main: {image: my-app, imageTag: v1}
"""
    parsed = parse(text)
    assert parsed.application is None
    assert str(parsed.problems[0]) == (
        "error[values/unknown-key]: deployments.my-app.migrations has no key 'backofLimit'\n"
        "  --> values.yaml:7:7\n"
        "  hint: did you mean 'backoffLimit'?"
    )
    assert len(parsed.problems) == 1


@pytest.mark.parametrize("tag", ["1.10", "8e12345", "0644", "yes", "1_000", "2001-01-01", "'1.10'", "0x1F"])
def test_text_takes_the_characters_as_written(tag: str) -> None:
    application = parse_good(f"deployments: {{app: {{containers: {{main: {{image: app, imageTag: {tag.strip()}}}}}}}}}")
    assert application.deployments["app"].containers["main"].image_tag == tag.strip("'")


def test_config_data_and_labels_keep_their_characters_d12_d22() -> None:
    config = parse_good(
        "configs: {c: {type: configMap, data: {a: 1048576, b: yes, on: 12:30}, labels: {n: 010}}}"
    ).configs
    assert config["c"].data == {"a": "1048576", "b": "yes", "on": "12:30"}
    assert config["c"].labels == {"n": "010"}


def test_lists_and_maps_become_yaml_text_with_their_characters() -> None:
    env = parse_good(APP % (", env: [{name: A, value: [1.10, '8', {b: yes}]}]", "")).deployments["app"]
    assert env.containers["main"].env[0].value == "- 1.10\n- '8'\n- b: yes"


@pytest.mark.parametrize(("text", "value"), [("yes", True), ('"true"', True), ('"false"', False), ("off", False)])
def test_booleans_may_be_texts_d21(text: str, value: bool) -> None:
    assert (
        parse_good(APP % ("", f", autoCreateServiceAccount: {text}")).deployments["app"].auto_create_service_account
        is value
    )


@pytest.mark.parametrize("text", ["1000", '"1000"', "1e3", "0x3E8"])
def test_whole_numbers_may_be_texts(text: str) -> None:
    assert parse_good(APP % ("", f", replicas: {text}")).deployments["app"].replicas == 1000


@pytest.mark.parametrize("text", ["two", "1.5", "[1]", "{a: 1}", "99999999999999999999"])
def test_what_is_no_whole_number_is_found_without_repeating_it(text: str) -> None:
    (problem,) = parse(APP % ("", f", replicas: {text}")).problems
    assert problem.code == "values/wrong-type"
    assert text not in problem.message


def test_fields_of_kubernetes_pass_through_under_their_names_d50_d51() -> None:
    deployment = parse_good(
        APP % (", imagePullPolicy: Always, tty: yes", ", hostNetwork: false, minReadySeconds: 0, hostname: 1.10")
    ).deployments["app"]
    assert deployment.containers["main"].kubernetes == {"imagePullPolicy": "Always", "tty": True}
    assert deployment.pod_spec == {"hostNetwork": False, "hostname": "1.10"}
    assert deployment.spec == {"minReadySeconds": 0}


def test_quantities_stay_as_written_and_ports_are_numbers_also_when_quoted_d40() -> None:
    main = (
        parse_good(APP % (", resources: {limits: {cpu: 0.50}}, probes: {livenessProbe: {tcpSocket: {port: '80'}}}", ""))
        .deployments["app"]
        .containers["main"]
    )
    assert main.resources == {"limits": {"cpu": "0.50"}}
    assert main.probes.liveness_probe == {"tcpSocket": {"port": 80}}


@pytest.mark.parametrize(
    ("main", "code", "message"),
    [
        ("resources: {limit: {}}", "values/unknown-key", "containers.main.resources has no key 'limit'"),
        ("resources: {limits: {cpu: lots}}", "values/wrong-type", "resources.limits.cpu must be an amount"),
        ("volumeMounts: [{name: a}]", "values/missing-key", "volumeMounts[0] needs the key 'mountPath'"),
        ("securityContext: {runAsUser: me}", "values/wrong-type", "runAsUser must be a whole number, not a text"),
        ("terminationMessagePath: [a]", "values/wrong-type", "terminationMessagePath must be a text, not a list"),
    ],
)
def test_fields_of_kubernetes_are_checked(main: str, code: str, message: str) -> None:
    problem = parse(APP % (f", {main}", "")).problems[0]
    assert problem.code == code
    assert message in problem.message


def test_null_is_an_absent_key_but_an_empty_entry() -> None:
    assert parse_good(APP % ("", ", replicas: , tolerations: ~, affinity: {nodeAffinity: ~}"))
    (problem,) = parse("configs: {a: ~}").problems
    assert (problem.code, problem.message) == ("values/empty", "configs.a is empty")


def test_all_findings_come_at_once_with_those_of_the_checks() -> None:
    parsed = parse("deployments: {App: {replicas: x, foo: 1, containers: {main: {imageTag: 1}}}}")
    assert {p.code for p in parsed.problems} == {
        "names/invalid",
        "values/wrong-type",
        "values/unknown-key",
        "values/missing-key",
    }


def test_lists_in_place_of_maps_and_texts_in_place_of_lists_get_a_hint_d60_d61() -> None:
    parsed = parse("deployments: {app: {migrations: {args: up}, containers: [{name: main, image: a}]}}")
    assert [p.hint is not None for p in parsed.problems] == [True, True]


def test_what_is_wrong_in_the_general_settings_is_found_once_at_its_place() -> None:
    apps = ", ".join(f"a{n}: {{containers: {{main: {{image: a, imageTag: '1'}}}}}}" for n in range(3))
    parsed = parse(f"deploymentsGeneral: {{replica: 2, labels: {{'!': x}}, strategy: [a]}}\ndeployments: {{{apps}}}")
    assert sorted(p.code for p in parsed.problems) == ["names/invalid", "values/unknown-key", "values/wrong-type"]
    assert {p.where.line for p in parsed.problems if p.where} == {1}


def test_paths_into_the_effective_tree_lead_to_where_a_value_was_written() -> None:
    parsed = parse("deploymentsGeneral:\n  replicas: 2\ndeployments: {a: {containers: {m: {image: 'a:1'}}}}")
    assert locate(parsed.tree, ("deployments", "a", "replicas")) == Position("values.yaml", 2, 13)


def test_messages_never_repeat_values() -> None:
    parsed = parse("configs: {a: {type: secret, data: pass-word}, b: {type: pass-word, data: {A: {b: c}}}}")
    assert len(parsed.problems) == 2
    assert not re.search("pass-word", "".join(map(str, parsed.problems)))
