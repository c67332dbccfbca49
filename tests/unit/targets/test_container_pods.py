from typing import Any

import pytest

from ks_universal.resources.objects import object_ref
from ks_universal.targets.containers.client import find_unpassable
from ks_universal.targets.containers.pods import (
    Image,
    build_command,
    build_options,
    find_image_problems,
    find_served_problems,
    list_numbers,
    name_hosts,
)
from ks_universal.targets.local.services import find_services, list_served

Json = dict[str, Any]


def service(name: str, *ports: Json, **selector: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"selector": selector, "ports": list(ports)}}


def test_command_replaces_entrypoint_and_command_of_the_image_and_args_its_command() -> None:
    known = {"A": "1"}
    assert build_command({"command": ["sh", "-c"], "args": ["$(A) $$(A) $(B)"]}, known) == (
        ["--entrypoint=sh"],
        ["-c", "1 $(A) $(B)"],
    )
    assert build_command({"args": ["serve"]}, known) == ([], ["serve"])
    assert build_command({}, known) == ([], [])


def test_a_container_has_the_rights_of_its_own_context_before_those_of_its_pod() -> None:
    own = {"runAsUser": 5, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}, "allowPrivilegeEscalation": False}
    pod = {"securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]}}
    limits = {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"memory": "32Mi"}}
    options = build_options({"securityContext": own, "resources": limits, "workingDir": "/app"}, pod, Image(), "docker")
    assert list(options) == [
        "--user=5:2",
        "--group-add=4",
        "--group-add=3",
        "--security-opt=no-new-privileges",
        "--cap-drop=ALL",
        "--cap-add=CHOWN",
        "--memory=67108864",
        "--cpus=0.5",
        "--workdir=/app",
    ]


def test_a_group_alone_leaves_the_user_of_the_image() -> None:
    options = build_options({}, {"securityContext": {"runAsGroup": 7}}, Image(user="app:app"), "docker")
    assert list(options) == ["--user=app:7"]


@pytest.mark.parametrize(("engine", "more"), [("podman", ["--read-only-tmpfs=false"]), ("docker", [])])
def test_a_read_only_root_has_no_folder_that_can_be_written(engine: str, more: list[str]) -> None:
    options = build_options({"securityContext": {"readOnlyRootFilesystem": True}}, {}, Image(), engine)
    assert list(options) == ["--read-only", *more]


@pytest.mark.parametrize(
    ("context", "user", "codes"),
    [
        ({"runAsNonRoot": True}, "", ["local/root"]),
        ({"runAsNonRoot": True}, "0:5", ["local/root"]),
        ({"runAsNonRoot": True}, "app", []),
        ({"runAsNonRoot": True, "runAsUser": 5}, "", []),
        ({"runAsNonRoot": True, "runAsUser": 0}, "app", ["local/root"]),
        ({}, "", []),
    ],
)
def test_who_must_not_be_root_is_told_before(context: Json, user: str, codes: list[str]) -> None:
    container = {"image": "a", "securityContext": context}
    assert [problem.code for problem in find_image_problems(container, {}, Image(("run",), (), user))] == codes


def test_ports_of_services_lead_to_those_of_the_pod_by_number_and_name() -> None:
    pod = {
        "containers": [
            {
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                ]
            }
        ]
    }
    named = service("web", {"port": 80, "targetPort": "http"}, app="web")
    numbered = service("admin", {"port": 9000}, {"port": 53, "protocol": "UDP"}, app="web", tier="x")
    other = service("db", {"port": 5432}, app="db")
    objects = {object_ref({"kind": "Service", **each}): each for each in (named, numbered, other)}
    found = find_services({"metadata": {"labels": {"app": "web", "tier": "x"}}}, objects)
    served = list_served(found, pod)
    assert [each.name_url("127.0.0.1:1") for each in served] == ["http://127.0.0.1:1", "127.0.0.1:1"]
    assert [(each.service, each.port, each.target) for each in served] == [("web", 80, 8080), ("admin", 9000, 9000)]
    assert list(find_served_problems(served, pod)) == []
    assert name_hosts([named], "") == ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local"]


def test_two_services_of_a_pod_cannot_lead_one_port_to_two_places() -> None:
    pod = {"containers": [{"ports": [{"containerPort": 80}]}]}
    services = [
        service("a", {"port": 9000, "targetPort": 80}, app="x"),
        service("b", {"port": 9000, "targetPort": 81}, app="x"),
    ]
    shadows = [service("c", {"port": 80, "targetPort": 8080}, app="x")]
    for each in (services, shadows):
        assert [problem.code for problem in find_served_problems(list_served(each, pod), pod)] == ["local/service-port"]


def test_what_the_client_obeys_itself_may_not_have_several_lines() -> None:
    assert find_unpassable({"DOCKER_HOST": "a\nb", "path": "a\nb", "OTHER": "a\nb", "HOME": "/x"}) == [
        "DOCKER_HOST",
        "path",
    ]


def test_the_port_of_a_grpc_probe_is_one_that_this_program_reaches() -> None:
    assert list_numbers({"containers": [{"name": "main", "readinessProbe": {"grpc": {"port": 9000}}}]}) == [9000]
