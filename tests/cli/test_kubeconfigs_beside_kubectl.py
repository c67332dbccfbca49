"""A kubeconfig means here what it means to kubectl: each row of the table in docs/commands.md."""

import gc
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ks_universal.targets.kubernetes.api import client
from support.shell import Invoke
from support.unclosed import UNCLOSED

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
KUBECTL = ROOT / ".venv" / "tools" / "kubectl"
pytestmark = [
    pytest.mark.skipif(not KUBECTL.exists(), reason="no kubectl for this machine"),
    pytest.mark.filterwarnings(UNCLOSED),
]
TOLD = ("authorization", "impersonate-")
EMPTY = b'{"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}'


class Server(ThreadingHTTPServer):
    """An API server without objects, or a proxy to one, that notes who asks."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, list[str]]] = []
        self.names: list[str] = []
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that don't trust the certificate leave."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        names = [name for name in self.headers if name.lower().startswith(TOLD)]
        self.server.asked.append({name.lower(): sorted(self.headers.get_all(name, [])) for name in names})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[Server] = []

    def start(certificate: Path | None = None) -> Server:
        servers.append(Server(certificate))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Both:
    """Runs kubectl and this program with the same kubeconfig, and tells whether they do the same."""

    def __init__(self, folder: Path, ksu: Invoke) -> None:
        self.folder, self.ksu = folder, ksu
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}

    def write(self, name: str, cluster: Json, user: Json, **more: Any) -> None:
        content = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": user}],
            "current-context": "x",
            **more,
        }
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content))

    def run(self, *servers: Server, **environment: str) -> tuple[bool, bool]:
        """Give whether each has got its answer; those that did have told the servers the same."""
        env = {**self.environment, "KUBECONFIG": "config", **environment}
        told: list[list[Any]] = []
        reached = []
        for ask in (self._ask_by_kubectl, self._ask_by_ksu):
            for server in servers:
                server.asked.clear()
            reached.append(ask(env))
            told.append([server.asked[:1] for server in servers])
        assert told[0] == told[1]
        return reached[0], reached[1]

    def _ask_by_kubectl(self, environment: dict[str, str]) -> bool:
        command = [str(KUBECTL), "get", "--raw", "/api/v1/namespaces/default/configmaps", "--request-timeout=5s"]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True).returncode == 0

    def _ask_by_ksu(self, environment: dict[str, str]) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            for name in tuple(os.environ):
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(client, "_FIRST_PATIENCE_S", 0.5)
            reached = "release/unknown" in self.ksu("history", "shop").err
        if not reached:
            gc.collect()  # what UNCLOSED is about comes up here, and in no other test
        return reached


@pytest.fixture
def both(folder: Path, ksu: Invoke) -> Both:
    return Both(folder, ksu)


def at(server: Server, scheme: str = "http", host: str = "127.0.0.1") -> Json:
    return {"server": f"{scheme}://{host}:{server.server_port}"}


EXTRA = {"as-user-extra": {"reason": ["audit"], "dev/team": ["a b"]}}


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t"},
        {"username": "u", "password": "p"},
        {"tokenFile": "token"},
        {"token": "t", "tokenFile": "token"},
        {"token": "t", "as": "system:serviceaccount:a:b"},
        {"token": "t", "as": "ann", "as-groups": ["dev", "ops"], "as-uid": "42", **EXTRA},
        {"username": "u", "password": "p", "as": "ann"},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "./plugin"}, "as": "ann"},
    ],
    ids=lambda user: "+".join(user),
)
def test_who_asks_is_the_same(both: Both, serve: Any, user: Json) -> None:
    server = serve(make_certificate(both.folder, "localhost"))
    both.write("sub/config", at(server, "https", "localhost") | {"certificate-authority": "../ca"}, user)
    (both.folder / "sub" / "token").write_text("from-file\n")
    plugin = both.folder / "sub" / "plugin"
    answer = '{"kind":"ExecCredential","apiVersion":"%s","status":{"token":"from-plugin"}}'
    version = user.get("exec", {}).get("apiVersion", "")
    plugin.write_text(f"#!/bin/sh\necho '{answer % version}'\n")
    plugin.chmod(0o755)
    assert both.run(server, KUBECONFIG="sub/config") == (True, True)
    assert server.asked


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({}, {"token": "t", "as-groups": ["dev"]}),
        ({}, {"token": "t", "as-uid": "1"}),
        ({"insecure-skip-tls-verify": True, "certificate-authority-data": b64encode(b"x").decode()}, {}),
        ({"certificate-authority-data": "%%%"}, {}),
        ({"proxy-url": "junk://127.0.0.1:9"}, {}),
        ({"proxy-url": "http://127.0.0.1:9"}, {}),
        ({}, {"auth-provider": {"name": "gcp"}}),
        (
            {},
            {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "./gone",
                    "interactiveMode": "Never",
                }
            },
        ),
    ],
    ids=lambda part: "+".join(part) or "-",
)
def test_what_kubectl_refuses_is_refused(both: Both, serve: Any, cluster: Json, user: Json) -> None:
    server = serve(make_certificate(both.folder, "localhost"))
    trust = {} if "certificate-authority-data" in cluster else {"certificate-authority": "ca"}
    both.write("config", at(server, "https", "localhost") | trust | cluster, user)
    assert both.run(server) == (False, False)


def test_several_files_are_merged_and_the_first_has_the_last_word(both: Both, serve: Any) -> None:
    server, other = serve(make_certificate(both.folder, "localhost")), serve()
    trust = {"certificate-authority": "ca"}
    both.write("one", at(server, "https", "localhost") | trust, {}, users=[], **{"current-context": ""})
    both.write("sub/two", at(other), {"tokenFile": "token"})
    (both.folder / "sub" / "token").write_text("of-two")
    assert both.run(server, other, KUBECONFIG=f"gone{os.pathsep}one{os.pathsep}sub/two") == (True, True)
    assert server.asked[:1] == [{"authorization": ["Bearer of-two"]}]


def test_without_tls_no_credentials_are_sent(both: Both, serve: Any) -> None:
    server = serve()
    both.write("config", at(server), {"token": "t"})
    assert both.run(server) == (True, True)
    assert server.asked[:1] == [{}]


OWN = "127.0.0.1"
FAR = "ksu.test.invalid"


@pytest.mark.parametrize(
    ("host", "environment", "is_through"),
    [
        (OWN, {"HTTP_PROXY": "PROXY"}, False),
        ("localhost", {"HTTP_PROXY": "PROXY"}, False),
        (FAR, {"HTTP_PROXY": "PROXY"}, True),
        (FAR, {"http_proxy": "PROXY"}, True),
        (FAR, {"HTTP_PROXY": "BARE"}, True),
        ("10.1.2.3", {"HTTP_PROXY": "PROXY", "NO_PROXY": "10.2.0.0/16,test"}, True),
        (FAR, {"HTTP_PROXY": "PROXY", "NO_PROXY": "other.invalid,nvalid"}, True),
        (OWN, {"ALL_PROXY": "socks5://127.0.0.1:9"}, False),
        (OWN, {"HTTPS_PROXY": "junk://x"}, False),
    ],
    ids=str,
)
def test_proxies_of_the_environment(
    both: Both, serve: Any, host: str, environment: dict[str, str], is_through: bool
) -> None:
    server, proxy = serve(), serve()
    both.write("config", at(server, host=host), {"token": "t"})
    bare = f"127.0.0.1:{proxy.server_port}"
    words = {"PROXY": f"http://{bare}", "BARE": bare}
    given = {name: words.get(value, value) for name, value in environment.items()}
    assert both.run(server, proxy, **given) == (True, True)
    assert bool(proxy.asked) is is_through


@pytest.mark.parametrize("exceptions", [FAR, "invalid", ".test.invalid", "*", "a, invalid", f"{FAR}:PORT"])
def test_a_server_without_proxy_is_asked_itself(both: Both, serve: Any, exceptions: str) -> None:
    server, proxy = serve(), serve()
    both.write("config", at(server, host=FAR), {"token": "t"})
    given = exceptions.replace("PORT", str(server.server_port))
    through = {"HTTP_PROXY": f"http://127.0.0.1:{proxy.server_port}", "NO_PROXY": given}
    assert both.run(server, proxy, **through) == (False, False)  # the name does not exist
    assert proxy.asked == []


def test_a_proxy_of_the_kubeconfig_is_used_for_this_machine_too(both: Both, serve: Any) -> None:
    server, proxy = serve(), serve()
    both.write("config", at(server) | {"proxy-url": f"http://127.0.0.1:{proxy.server_port}"}, {"token": "t"})
    assert both.run(server, proxy) == (True, True)
    assert (len(server.asked), len(proxy.asked)) == (0, 1) or proxy.asked


def test_a_socks_proxy_is_spoken_to(both: Both, serve: Any) -> None:
    server = serve()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        greetings: list[bytes] = []

        def greet() -> None:
            with suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        greetings.append(connection.recv(3)[:1])

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        both.write("config", at(server) | {"proxy-url": f"socks5://127.0.0.1:{port}"}, {"token": "t"})
        both.run(server)
    assert greetings
    assert set(greetings) == {b"\x05"}


def make_certificate(folder: Path, name: str) -> Path:
    path = folder / "server.pem"
    key = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    command = [*key.split(), "-subj", f"/CN={name}"]
    files = ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(folder / "key"), "-out", str(folder / "ca")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    path.write_text((folder / "key").read_text() + (folder / "ca").read_text())
    return path


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
@pytest.mark.parametrize(
    ("words", "reached"),
    [
        ({"tls-server-name": "api.internal"}, True),
        ({"tls-server-name": "other.internal"}, False),
        ({}, False),
        ({"insecure-skip-tls-verify": True}, True),
    ],
    ids=str,
)
def test_the_name_that_tls_verifies(both: Both, serve: Any, words: Json, reached: bool) -> None:
    server = serve(make_certificate(both.folder, "api.internal"))
    trust = {} if "insecure-skip-tls-verify" in words else {"certificate-authority": "ca"}
    both.write("config", at(server, "https") | trust | words, {"token": "t"})
    assert both.run(server) == (reached, reached)


@pytest.mark.parametrize("arguments", [["status", "shop"], ["deploy", "shop", "--yes", "-f", "v.yaml"]], ids=" ".join)
def test_a_plugin_that_waits_is_shown_and_ends_with_ctrl_c(both: Both, serve: Any, arguments: list[str]) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "IfAvailable"}
    server = serve(make_certificate(both.folder, "localhost"))
    both.write("config", at(server, "https", "localhost") | {"certificate-authority": "ca"}, {"exec": plugin})
    (both.folder / "v.yaml").write_text("deployments: {a: {containers: {main: {image: 'a:1'}}}}\n")
    (both.folder / "plugin").write_text("#!/bin/sh\necho $$ open the page and enter CODE >&2\nexec sleep 600\n")
    (both.folder / "plugin").chmod(0o755)
    command = [sys.executable, "-m", "ks_universal", *arguments, "--kubeconfig", "config"]
    with subprocess.Popen(
        command,
        cwd=both.folder,
        env=both.environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    ) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "CODE" in line)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.split()[0]), 0)
