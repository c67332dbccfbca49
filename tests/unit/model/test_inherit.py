from ks_universal.model.format.workloads import Deployment
from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml


def inherit(general: str, entry: str = "", main: str = "", more: str = "") -> Deployment:
    containers = f"containers: {{main: {{image: 'a:1'{main}}}{more}}}"
    text = f"deploymentsGeneral: {{{general}}}\ndeployments: {{app: {{{containers}{entry}}}}}"
    tree, _ = parse_yaml(text, "values.yaml")
    parsed = parse_application(tree)
    assert parsed.application is not None, parsed.problems
    return parsed.application.deployments["app"]


PROBES = "probes: {livenessProbe: {httpGet: {path: /, port: 80}}, readinessProbe: {tcpSocket: {port: 80}}}"


def test_maps_merge_deep_and_the_entry_wins() -> None:
    app = inherit("securityContext: {runAsNonRoot: true, runAsUser: 5}", ", securityContext: {runAsUser: 6}")
    assert app.security_context == {"runAsNonRoot": True, "runAsUser": 6}


def test_written_empty_values_win_and_null_removes_d08() -> None:
    app = inherit(
        "securityContext: {runAsNonRoot: true, runAsUser: 5}, tolerations: [{key: a}], labels: {a: b}, replicas: 3",
        ", securityContext: {runAsNonRoot: false, runAsUser: ~}, tolerations: [], labels: {a: ''}, replicas: 0",
    )
    assert app.security_context == {"runAsNonRoot": False}
    assert (app.tolerations, app.labels, app.replicas) == ((), {"a": ""}, 0)


def test_node_selectors_add_up_and_lists_replace() -> None:
    app = inherit(
        "nodeSelector: {a: '1'}, tolerations: [{key: a}]", ", nodeSelector: {b: '2'}, tolerations: [{key: b}]"
    )
    assert app.node_selector == {"a": "1", "b": "2"}
    assert app.tolerations == ({"key": "b"},)


def test_a_strategy_is_taken_whole() -> None:
    general = "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}"
    assert inherit(general, ", strategy: {type: Recreate}").strategy == {"type": "Recreate"}


def test_one_field_of_one_probe_is_overridden_and_the_rest_stays_d32() -> None:
    probes = inherit(PROBES, main=", probes: {livenessProbe: {periodSeconds: 9}}").containers["main"].probes
    assert probes.liveness_probe == {"periodSeconds": 9, "httpGet": {"path": "/", "port": 80}}
    assert probes.readiness_probe == {"tcpSocket": {"port": 80}}


def test_an_own_handler_displaces_the_inherited_one() -> None:
    probes = inherit(PROBES, main=", probes: {livenessProbe: {exec: {command: [ok]}}}").containers["main"].probes
    assert probes.liveness_probe == {"exec": {"command": ["ok"]}}


def test_probes_can_be_switched_off_one_by_one_and_all() -> None:
    one = inherit(PROBES, main=", probes: {livenessProbe: ~}").containers["main"].probes
    assert (one.liveness_probe, one.readiness_probe) == (None, {"tcpSocket": {"port": 80}})
    assert inherit(PROBES, main=", probes: {}").containers["main"].probes.readiness_probe is None


def test_a_side_container_gets_no_probe_of_a_port_that_it_does_not_have_d03() -> None:
    side = ", side: {image: 'b:1'}, web: {image: 'c:1', ports: {http: {containerPort: 80}}}"
    containers = inherit(PROBES, more=side).containers
    assert containers["side"].probes.liveness_probe is None
    assert containers["web"].probes.liveness_probe is not None
    assert containers["main"].probes.liveness_probe is not None


def test_lifecycle_goes_to_every_container_d53() -> None:
    app = inherit("lifecycle: {preStop: {sleep: {seconds: 5}}}", more=", side: {image: 'b:1'}")
    assert {c.lifecycle["preStop"]["sleep"]["seconds"] for c in app.containers.values() if c.lifecycle} == {5}
    assert all(c.lifecycle for c in app.containers.values())
