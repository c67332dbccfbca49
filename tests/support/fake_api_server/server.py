"""The fake API server on a port of this machine: HTTP, watches and logs, and the faults that a test wants."""

import contextlib
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from support.fake_api_server.controllers import Controllers
from support.fake_api_server.kubelet import Kubelet, Line, is_finished, list_statuses, name_owner
from support.fake_api_server.store import RESOURCES, Change, Json, Key, Match, Refused, Store, head_of

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?P<log>/log)?(?P<status>/status)?"
)
_PARAMETERS = frozenset(
    (
        *("labelSelector", "fieldSelector", "watch", "allowWatchBookmarks", "resourceVersion"),
        *("fieldManager", "force", "dryRun"),
        *("container", "follow", "previous", "sinceTime", "tailLines", "timestamps"),
    )
)
"""What this server knows. What it does not it refuses: a test is not to pass by what it leaves out."""


class Request(NamedTuple):
    """What a client asked for."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: Json


class Fault(NamedTuple):
    """What becomes of the next requests that match: `path` is a regular expression for path and query.

    `status` with `headers` and `body` is the answer; else `cut`: `request` breaks the connection before anything is
    done, `answer` when it has been done, and a number is that of the line of a stream in whose middle it breaks off:
    with an error, or where it `ends` as if it were complete. Any of these comes `late_s` seconds late; what has nothing
    else is answered then.
    """

    path: str
    method: str = ""
    times: int = 1
    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""
    cut: str | int = ""
    ends: bool = False
    late_s: float = 0.0

    def matches(self, request: Request) -> bool:
        query = urllib.parse.unquote(urllib.parse.urlencode(request.parameters))
        return self.method in ("", request.method) and bool(re.search(self.path, f"{request.path}?{query}"))


class _Cut(Exception):  # noqa: N818 - never leaves this module
    """The connection breaks here."""


class FakeApiServer:
    """An API server with its controllers and a node, in threads of this process; `kubeconfig` leads to it.

    `requests` are those that it was asked, `failures` what went wrong in itself: none may be left at the end of a test.
    """

    def __init__(self, folder: Path, *namespaces: str) -> None:
        self.store = Store()
        self.kubelet = Kubelet(self.store)
        self.requests: list[Request] = []
        self.failures: list[BaseException] = []
        self.controllers = Controllers(self.store)
        self._faults: list[Fault] = []
        self._reactions: list[Callable[[], bool]] = []
        self._closing = False
        self._streams = 0
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(_build_kubeconfig(self.url)))
        for name in namespaces:
            self.put({"kind": "Namespace", "metadata": {"name": name}})
        self._threads = [threading.Thread(target=self._http.serve_forever, args=(0.02,))]
        self._threads += [threading.Thread(target=self._control)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it, and raise what went wrong in it."""
        with self.store.changed:
            self._closing = True
            self.store.changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()
        for failure in self.failures:
            raise failure

    # what a test does

    def put(self, body: Json, *, namespace: str = "ns", manager: str = "kubectl-create") -> Json:
        """Make an object, or exchange the one of its name, by another's hand."""
        plural = next(resource.plural for resource in RESOURCES.values() if resource.kind == body["kind"])
        key = Key(plural, namespace if RESOURCES[plural].namespaced else "", body["metadata"]["name"])
        with self.store.changed:
            if key not in self.store.objects:
                return self.store.create(plural, key.namespace, body, manager)
            return self.store.update(key, body, manager)

    def get(self, plural: str, name: str, namespace: str = "ns") -> Json | None:
        with self.store.changed:
            return self.store.objects.get(Key(plural, namespace, name))

    def names(self, plural: str, namespace: str = "ns") -> list[str]:
        with self.store.changed:
            return [body["metadata"]["name"] for body in self.store.find(plural, namespace)]

    def edit(self, plural: str, name: str, change: Callable[[Json], Json], namespace: str = "ns") -> Json:
        """Exchange an object for what `change` makes of it, by another's hand."""
        with self.store.changed:
            key = Key(plural, namespace, name)
            return self.store.update(key, change(self.store.get(key)), "kubectl-edit")

    def delete(self, plural: str, name: str, namespace: str = "ns") -> None:
        with self.store.changed:
            self.store.delete(Key(plural, namespace, name))

    def pods_of(self, owner: str) -> list[Json]:
        """The pods of a Job or Deployment, oldest first."""
        with self.store.changed:
            return self.store.find("pods", match=lambda pod: name_owner(pod) == owner)

    def react(self, act: Callable[[], bool]) -> None:
        """Have `act` called after each change until it says that it has done what it is to do."""
        with self.store.changed:
            self._reactions.append(act)

    def fail(self, *faults: Fault) -> None:
        """Have the next requests that match fail."""
        with self.store.changed:
            self._faults += faults

    def heal(self) -> None:
        """Have no more requests fail."""
        with self.store.changed:
            self._faults.clear()

    def bookmark(self) -> None:
        """Tell all watches of the version that the server is at, as it does about once a minute."""
        with self.store.changed:
            self.store.tell_version()

    def drop_streams(self) -> None:
        """Break all watches and logs that are read now, as an API server does that restarts."""
        with self.store.changed:
            self._streams += 1
            self.store.changed.notify_all()

    def await_that(self, is_so: Callable[[], bool], within_s: float = 20) -> None:
        """Wait until it is so."""
        with self.store.changed:
            assert self.store.changed.wait_for(is_so, within_s), "it did not come to be"

    def count(self, method: str, path: str) -> int:
        """Count the requests whose path matches a regular expression."""
        return sum(each.method == method and bool(re.search(path, each.path)) for each in self.requests)

    # the controllers' thread

    def _control(self) -> None:
        try:
            while not self._closing:
                with self.store.changed:
                    moved = self._look()
                    self._reactions = [act for act in self._reactions if not act()]
                    if not moved:
                        self.store.changed.wait(0.05)  # deadlines pass without a change
        except BaseException as failure:  # noqa: BLE001 - raised at the end
            self.failures.append(failure)

    def _look(self) -> bool:
        try:
            return self.controllers.look() | self.kubelet.look()
        except Refused:  # what they act on was removed in the same round: like any controller they look again
            return True

    # answers

    def take_fault(self, request: Request) -> Fault | None:
        """Note a request; give the fault that is to befall it."""
        with self.store.changed:
            self.requests.append(request)
            for index, fault in enumerate(self._faults):
                if fault.matches(request):
                    left = fault._replace(times=fault.times - 1)
                    self._faults[index : index + 1] = [left] if left.times else []
                    return fault
        return None

    def answer(self, request: Request) -> Json | Iterator[bytes]:
        """Answer a request, with an object or a stream. Raises Refused."""
        unknown = request.parameters.keys() - _PARAMETERS
        assert not unknown, f"this server does not know {unknown}"
        if request.path in ("/api", "/apis"):
            return _discover(request.path)
        place = _PATH.fullmatch(request.path)
        if place is None or place["plural"] not in RESOURCES:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        plural, namespace, name = place["plural"], place["namespace"] or "", place["name"] or ""
        if plural == "namespaces":
            namespace = ""
        if place["log"]:
            return self._read_log(Key(plural, namespace, name), request.parameters)
        if request.parameters.get("watch") == "true":
            return self._watch(plural, namespace, request.parameters)
        with self.store.changed:
            if place["status"]:
                key = Key(plural, namespace, name)
                return self.store.save_status(key, _merge_patch(self.store.get(key), request.body))
            return (
                self._write(request, Key(plural, namespace, name))
                if request.method != "GET"
                else self._read(request, Key(plural, namespace, name))
            )

    def _read(self, request: Request, key: Key) -> Json:
        if key.name:
            return self.store.get(key)
        place = key.namespace if key.namespace or not RESOURCES[key.plural].namespaced else None
        found = self.store.find(key.plural, place, _build_match(request.parameters))
        if "PartialObjectMetadataList" in request.headers.get("accept", ""):
            found = [{"metadata": body["metadata"]} for body in found]
        # The items of a list say no kind.
        items = [{name: value for name, value in body.items() if name not in {"apiVersion", "kind"}} for body in found]
        return {"kind": "List", "metadata": {"resourceVersion": str(self.store.version)}, "items": items}

    def _write(self, request: Request, key: Key) -> Json:
        store, parameters, body = self.store, request.parameters, request.body
        manager, dry_run = parameters.get("fieldManager", "unknown"), parameters.get("dryRun") == "All"
        match request.method, request.headers.get("content-type"):
            case "POST", _:
                return store.create(key.plural, key.namespace, body, manager, dry_run=dry_run)
            case "PUT", _:
                return store.update(key, body, manager)
            case "PATCH", "application/apply-patch+yaml":
                return store.apply(key, body, manager, force=parameters.get("force") == "true", dry_run=dry_run)
            case "PATCH", "application/merge-patch+json":
                return store.update(key, _merge_patch(store.get(key), body), manager)
            case "DELETE", _:
                uid = body.get("preconditions", {}).get("uid")
                return store.delete(key, uid=uid, propagation=body.get("propagationPolicy", "Background"))
            case unknown:
                raise AssertionError(f"this server does not know {unknown}")

    # streams

    def _watch(self, plural: str, namespace: str, parameters: dict[str, str]) -> Iterator[bytes]:
        """Tell of the changes since a version; without one first of all that is there, as if it were new.

        That a version is too old is told in the stream (k8s.io/apiserver, cacher: `newErrWatcher`).
        """
        match, store = _build_match(parameters), self.store
        with store.changed:
            streams, since = self._streams, int(parameters.get("resourceVersion") or store.version)
            place = namespace if namespace or not RESOURCES[plural].namespaced else None
            there = [] if parameters.get("resourceVersion") else store.find(plural, place, match)
            told = sum(change.version <= since for change in store.history)
            if since < store.forgotten:
                gone = Refused(410, "Expired", f"too old resource version: {since} ({store.forgotten})")
                yield _write_change("ERROR", gone.status)
                return
        yield from (_write_change("ADDED", body) for body in there)
        while True:
            with store.changed:
                news = store.history[told:]
                if not news:
                    self._await_change(streams)
            told += len(news)
            for change in news:
                yield from _tell(change, plural, namespace, match)

    def _read_log(self, key: Key, parameters: dict[str, str]) -> Iterator[bytes]:
        """Give the lines of a container, and with `follow` those to come until it ends."""
        store, name = self.store, parameters["container"]
        with store.changed:
            streams, pod = self._streams, store.get(key)
            uid = pod["metadata"]["uid"]
            status = next((each for each in list_statuses(pod) if each["name"] == name), None)
            runs = self.kubelet.logs[uid, name]
            previous = parameters.get("previous") == "true"
            if status is None or len(runs) < 1 + previous:
                message = f'container "{name}" in pod "{key.name}" is waiting to start: ContainerCreating'
                raise Refused(400, "BadRequest", message)
            log = runs[-1 - previous]
            since, tail = _read_since(parameters), int(parameters.get("tailLines", 0))
            begin = len(log) - tail if tail else 0
        return self._give_lines(key, uid, log[max(0, begin) :] if tail else log, since, parameters, streams)

    def _give_lines(
        self, key: Key, uid: str, log: list[Line], since: str, parameters: dict[str, str], streams: int
    ) -> Iterator[bytes]:
        told, stamps = 0, parameters.get("timestamps") == "true"
        while True:
            with self.store.changed:
                news = log[told:]
                if not news and not (parameters.get("follow") == "true" and self._runs(key, uid, parameters)):
                    return
                if not news:
                    self._await_change(streams)
            told += len(news)
            for line in news:
                if line.time >= since:  # the second itself included
                    yield f"{line.write(self.kubelet.zone) if stamps else line.text}\n".encode()

    def _runs(self, key: Key, uid: str, parameters: dict[str, str]) -> bool:
        pod = self.store.objects.get(key)
        if pod is None or pod["metadata"]["uid"] != uid or is_finished(pod):
            return False
        return any(
            each["name"] == parameters["container"] and "running" in each["state"] for each in list_statuses(pod)
        )

    def _await_change(self, streams: int) -> None:
        """Wait for a change; break the stream where streams are to break, or the server ends."""
        self.store.changed.wait()
        if self._closing or streams != self._streams:
            raise _Cut


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: FakeApiServer) -> None:
        self.api = api
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in [*self._connections]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        failure = sys.exception()
        if failure is not None and not isinstance(failure, ConnectionError):
            self.api.failures.append(failure)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing on stderr."""

    def _serve(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        if len(content) < length:  # whoever asks has gone in the middle
            self.close_connection = True
            return
        request = Request(
            self.command,
            url.path,
            dict(urllib.parse.parse_qsl(url.query)),
            {name.lower(): value for name, value in self.headers.items()},
            json.loads(content) if content else {},
        )
        fault = self.server.api.take_fault(request)
        try:
            time.sleep(0.0 if fault is None else fault.late_s)
            if fault is not None and fault.status:
                self._send(fault.status, fault.body, {"Content-Type": "text/plain", **fault.headers})
                return
            if fault is not None and fault.cut == "request":
                raise _Cut
            answer = self.server.api.answer(request)
            if isinstance(answer, dict):
                if fault is not None and fault.cut:
                    raise _Cut
                self._send(201 if request.method == "POST" else 200, json.dumps(answer).encode())
            else:
                self._stream(answer, fault)
        except Refused as refused:
            self._send(refused.code, json.dumps(refused.status).encode())
        except _Cut:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._begin(status, {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)
        self.wfile.flush()

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.api.store.now().timestamp() if timestamp is None else timestamp)

    def _stream(self, lines: Iterator[bytes], fault: Fault | None) -> None:
        self._begin(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        self.wfile.flush()
        for number, line in enumerate(lines, start=1):
            if fault is not None and number == fault.cut:
                self._send_chunk(line[: len(line) // 2])
                if not fault.ends:
                    raise _Cut
                break
            self._send_chunk(line)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _send_chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


def _read_since(parameters: dict[str, str]) -> str:
    """The time from which on a log is asked for, in UTC, to compare with that of lines."""
    text = parameters.get("sinceTime")
    return "" if text is None else datetime.fromisoformat(text).astimezone(UTC).isoformat()[:19]


def _tell(change: Change, plural: str, namespace: str, match: Match) -> Iterator[bytes]:
    """Write what a watch is told of a change: an object also comes and goes by beginning and ending to match."""
    if not change.key.plural:
        head = head_of(plural)
        yield _write_change("BOOKMARK", {**head, "metadata": {"resourceVersion": str(change.version)}})
    elif change.key.plural == plural and namespace in ("", change.key.namespace):
        was = change.before is not None and match(change.before)
        body = change.after if change.after is not None and match(change.after) else None
        if body is not None:
            yield _write_change("MODIFIED" if was else "ADDED", body)
        elif was and change.before is not None:
            last = {**change.before["metadata"], "resourceVersion": str(change.version)}
            yield _write_change("DELETED", {**change.before, "metadata": last})


def _write_change(kind: str, body: Json) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


def _merge_patch(live: Json, patch: Json) -> Json:
    """RFC 7396."""
    merged = {key: value for key, value in live.items() if patch.get(key, ...) is not None}
    for key, value in patch.items():
        if isinstance(value, dict):
            before = live.get(key)
            merged[key] = _merge_patch(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged


def _build_match(parameters: dict[str, str]) -> Match:
    """Build what the selectors of a request ask of an object."""
    wanted = [_read_label(part) for part in re.split(r",(?![^(]*\))", parameters.get("labelSelector", "")) if part]
    fields = [re.split("(!?=)", part, maxsplit=1) for part in parameters.get("fieldSelector", "").split(",") if part]

    def match(body: Json) -> bool:
        labels = body["metadata"].get("labels") or {}
        return all(
            (values is None and key in labels) or labels.get(key) in (values or ()) for key, values in wanted
        ) and all((_read_field(body, path) == value) is (sign == "=") for path, sign, value in fields)

    return match


def _read_label(part: str) -> tuple[str, tuple[str, ...] | None]:
    """Read a requirement on a label: `a=b`, `a in (b,c)`, or `a`, which is that it is there."""
    several = re.fullmatch(r"(\S+) in \((.*)\)", part)
    if several:
        return several[1], tuple(several[2].split(","))
    key, is_equal, value = part.partition("=")
    return key, (value,) if is_equal else None


def _read_field(body: Json, path: str) -> str:
    found: Any = body
    for part in path.split("."):
        found = (found or {}).get(part)
    return str(found or "")


def _discover(root: str) -> Json:
    """The aggregated discovery document, as the API server gives it to who accepts it."""
    groups: dict[str, list[Json]] = {}
    for resource in RESOURCES.values():
        kind = {"resource": resource.plural, "responseKind": {"kind": resource.kind}}
        kind["scope"] = "Namespaced" if resource.namespaced else "Cluster"
        if ("/" in resource.api_version) == (root == "/apis"):
            groups.setdefault(resource.api_version, []).append(kind)
    items = []
    for api_version, kinds in groups.items():
        group, _, version = api_version.rpartition("/")
        items.append({"metadata": {"name": group}, "versions": [{"version": version, "resources": kinds}]})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _build_kubeconfig(url: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "tests", "user": {}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "tests", "namespace": "ns"}}],
        "current-context": "fake",
    }
