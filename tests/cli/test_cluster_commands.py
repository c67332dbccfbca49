"""The arguments of the commands that talk to a cluster: what is refused before any cluster is asked."""

import contextlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.shell import Invoke, Write

VALUES = {"values.yaml": "deployments: {app: {containers: {main: {image: app, imageTag: v1}}}}"}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(folder / "missing"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest.mark.parametrize("name", ["status", "history", "logs", "unlock", "rollback", "uninstall"])
def test_without_a_cluster_there_is_a_finding(ksu: Invoke, name: str) -> None:
    result = ksu(name, "shop")
    assert result.status == 1
    assert result.err.startswith("error[kubernetes/configuration]: no cluster to talk to")


@pytest.mark.parametrize("name", ["deploy", "plan", "migrate", "rbac"])
def test_values_are_asked_for(ksu: Invoke, name: str) -> None:
    result = ksu(name, "shop")
    assert result.status == 2
    assert "There are no values" in result.err


@pytest.mark.parametrize("name", ["deploy", "plan", "migrate", "rbac"])
def test_values_with_errors_exit_1_with_all_findings(ksu: Invoke, write: Write, name: str) -> None:
    write({"values.yaml": "deployments: {app: {container: {}}}"})
    result = ksu(name, "shop", "-f", "values.yaml", "-n", "a")
    assert result.status == 1
    assert result.err.startswith("error[values/")
    assert "kubernetes" not in result.err


@pytest.mark.parametrize("name", ["deploy", "plan", "migrate"])
def test_what_cannot_be_run_is_refused_before_a_cluster_is_asked(ksu: Invoke, write: Write, name: str) -> None:
    write(
        {
            "values.yaml": """\
deployments:
  web:
    containers:
      main:
        image: web:1
        env: [{name: FIRST, value: "{{ .Release.IsInstall }}"}]
"""
        }
    )
    result = ksu(name, "shop", "-f", "values.yaml", "-n", "here")
    assert result.status == 1
    assert (
        "error[expressions/unknown-revision]: deployments.web.containers.main.env[0].value: .Release.IsInst"
        in result.err
    )
    assert "--> values.yaml:6:36" in result.err
    assert "kubernetes" not in result.err
    assert ksu("template", "shop", "-f", "values.yaml", "-n", "here").status == 0


WARNED = """\
deployments:
  app:
    containers:
      main: {image: "app:1", envFrom: [{type: secret, configName: elsewhere}], env: [{name: A}, {name: A}]}
"""


@pytest.mark.parametrize("name", ["deploy", "migrate"])
@pytest.mark.parametrize("output", ["text", "json"])
def test_warnings_about_the_values_are_said_before_a_cluster_is_asked(
    ksu: Invoke, write: Write, name: str, output: str
) -> None:
    write({"values.yaml": WARNED})
    result = ksu(name, "shop", "-f", "values.yaml", "-n", "here", "-o", output)
    warned, refused = (result.out if output == "json" else result.err).partition("kubernetes/configuration")[::2]
    assert "env/duplicate" in warned
    assert "elsewhere" not in warned, "the server is asked for it"
    assert refused


def test_a_duration_that_is_none_is_wrong_usage(ksu: Invoke, write: Write) -> None:
    write(VALUES)
    result = ksu("deploy", "shop", "-f", "values.yaml", "--timeout", "soon")
    assert result.status == 2
    assert "'soon' is not a duration" in result.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no plan", "plan.json is not a plan of this version"),
        ('{"format": 99}', "plan.json is not a plan of this version"),
        (
            '{"release": "other", "namespace": "a", "revision": 1, "migrate": "auto", "force": false, "migrations": [],'
            ' "skipped": [], "changes": [], "problems": [], "digest": "d"}',
            "plan.json is a plan of other, not of shop",
        ),
        (
            '{"release": "shop", "namespace": "a", "revision": 1, "migrate": "now", "force": false, "migrations": [],'
            ' "skipped": [], "changes": [], "problems": [], "digest": "d"}',
            "plan.json is not a plan of this version",
        ),
    ],
)
def test_what_is_no_plan_of_this_release_is_refused(ksu: Invoke, write: Write, content: str, message: str) -> None:
    write({**VALUES, "plan.json": content})
    result = ksu("deploy", "shop", "-f", "values.yaml", "--plan", "plan.json")
    assert result.status == 1
    assert message in result.err


def test_a_saved_plan_says_itself_which_migrations_run(ksu: Invoke, write: Write) -> None:
    write(
        {
            **VALUES,
            "plan.json": '{"release": "shop", "namespace": "a", "revision": 1, "migrate": "auto", "force": false,'
            ' "migrations": [], "skipped": [], "changes": [], "problems": [], "digest": "d"}',
        }
    )
    result = ksu("deploy", "shop", "-f", "values.yaml", "--plan", "plan.json", "--migrate", "never")
    assert result.status == 2


@pytest.mark.parametrize("name", ["Shop", "-", "a" * 54])
def test_a_name_that_no_release_can_have_is_refused(ksu: Invoke, name: str) -> None:
    assert ksu("status", "--", name).err.startswith("error[request/name]")


KUBECONFIG = """
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: one, context: {cluster: c, user: u}}, {name: lost, context: {cluster: gone, user: u}}]
current-context: one
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: PLUGIN}}}]
"""


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("users: [{token: hunter2", (), "config is no YAML, line 1"),
        ("\x00hunter2", (), "config is no YAML"),
        ("", (), "config is no kubeconfig"),
        ("hunter2", (), "config is no kubeconfig"),
        ("[hunter2]", (), "config is no kubeconfig"),
        ("clusters: hunter2", (), "config is no kubeconfig"),
        ("{clusters: [], contexts: [], users: [{name: u, user: {token: [hunter2]}}]}", (), "config is no kubeconfig"),
        (KUBECONFIG, ("--context", "two"), "Context 'two' not found; there are: lost, one"),
        (KUBECONFIG, ("--context", "lost"), "names 'gone', which the kubeconfig does not have"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_a_finding_that_quotes_nothing_of_it(
    ksu: Invoke, write: Write, content: str, arguments: tuple[str, ...], message: str
) -> None:
    write({"config": content})
    result = ksu("status", "shop", "--kubeconfig", "config", *arguments)
    assert result.status == 1
    assert result.err.startswith("error[kubernetes/configuration]")
    assert message in result.err
    assert "hunter2" not in result.err


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"certificate-authority": "gone"}, {}, "gone, which the kubeconfig names, cannot be read: No such file"),
        ({}, {"client-certificate": "gone", "client-key": "gone"}, "gone, which the kubeconfig names, cannot be read"),
        ({}, {"tokenFile": "/nowhere/token"}, "/nowhere/token, which the kubeconfig names, cannot be read"),
        ({}, {"token": "hunter2\n"}, "the token of this context holds a line break"),
        ({"server": "https://[::1:6443"}, {}, "the server of this context is no address"),
        ({"server": "hunter2:6443"}, {}, "the server of this context is no address that begins with https://"),
    ],
)
def test_what_a_kubeconfig_names_and_is_not_there_is_a_finding_that_names_it(
    ksu: Invoke, write: Write, cluster: dict[str, str], user: dict[str, str], message: str
) -> None:
    write(
        {
            "config": {
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
                "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "one",
                "users": [{"name": "u", "user": user}],
            }
        }
    )
    result = ksu("status", "shop", "--kubeconfig", "config")
    assert result.status == 1
    assert result.err.startswith("error[kubernetes/configuration]")
    assert message in result.err
    assert "hunter2" not in result.err


@pytest.mark.parametrize("page", [(200, {"Content-Type": "text/html"}), (302, {"Location": "/login"})])
@pytest.mark.parametrize("name", ["status", "unlock"])
def test_what_answers_and_is_no_api_server_is_a_finding(
    ksu: Invoke, write: Write, name: str, page: tuple[int, dict[str, str]]
) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(page[0])
            for header in ({**page[1], "Content-Length": "6"}).items():
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(b"<html>")

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        write({"config": KUBECONFIG.replace("https://127.0.0.1:1", address).replace("{exec", "{token: t, exec")})
        result = ksu(name, "shop", "--kubeconfig", "config")
        server.shutdown()
    assert result.status == 1
    assert f"not a Kubernetes API server: it answered with an HTML page or a redirect (HTTP {page[0]})" in result.err


@pytest.mark.parametrize("answer", [b"not json!", b"[]", b"{}", b"null", b"\xff", None], ids=str)
@pytest.mark.parametrize("name", ["status", "unlock", "history"])
def test_what_answers_with_junk_or_without_an_end_is_a_finding(
    ksu: Invoke, write: Write, monkeypatch: pytest.MonkeyPatch, name: str, answer: bytes | None
) -> None:
    class Junk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")  # and no Date
            with contextlib.suppress(OSError):
                self.wfile.write(answer or b"")
                while answer is None:
                    self.wfile.write(b"[" * 65536)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr("ks_universal.targets.kubernetes.api.client._LONGEST_ANSWER_BYTES", 1 << 20)
    with ThreadingHTTPServer(("127.0.0.1", 0), Junk) as server:
        threading.Thread(target=server.serve_forever).start()
        write({"config": KUBECONFIG.replace("https://127.0.0.1:1", f"http://127.0.0.1:{server.server_port}")})
        result = ksu(name, "shop", "--kubeconfig", "config")
        server.shutdown()
    assert result.status == 1
    assert "not a Kubernetes API server: it answered with " in result.err


@pytest.mark.parametrize(("arguments", "status"), [("schema", 0), ("status shop --kubeconfig gone -o json", 1)])
def test_a_closed_standard_output_changes_no_exit_status(arguments: str, status: int) -> None:
    command = f"exec {sys.executable} -m ks_universal {arguments} >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")


def test_events_that_a_full_disk_does_not_take_are_missed_aloud() -> None:
    command = f"exec {sys.executable} -m ks_universal status shop --kubeconfig gone -o json >/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "the output cannot be written any more: no space left on device; what runs goes on\n"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (None, "/plugin cannot be run: No such file or directory"),
        ("echo log in first >&2; exit 3", "/plugin ended with exit code 3: log in first"),
        ("echo hunter2", "/plugin gave no token"),
        ("""echo '{"status": {"clientKeyData": "hunter2"}}'""", "/plugin gave no token"),
    ],
)
def test_a_credential_plugin_that_gives_no_token_is_a_finding(
    ksu: Invoke, write: Write, folder: Path, program: str | None, message: str
) -> None:
    write({"config": KUBECONFIG.replace("PLUGIN", "./plugin")})
    if program is not None:
        write({"plugin": f"#!/bin/sh\n{program}\n"})
        (folder / "plugin").chmod(0o755)
    result = ksu("status", "shop", "--kubeconfig", "config")
    assert result.status == 1
    assert "error[kubernetes/credentials]" in result.err
    assert message in result.err
    assert "hunter2" not in result.err
