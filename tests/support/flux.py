"""The controller of Flux that applies what is in a source, on the cluster, and what stands for its source controller.

The source is a GitRepository whose status names an archive on a web server of this process.
"""

import functools
import hashlib
import http.server
import json
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.go_drivers import find_go

Json = dict[str, Any]
GROUP = "kustomize.toolkit.fluxcd.io"
SOURCES = {"GitRepository": "gitrepositories", "OCIRepository": "ocirepositories", "Bucket": "buckets"}
PATIENCE_S = 180


class Flux:
    """A running controller that looks at one namespace, with kubectl at hand."""

    def __init__(self, kubectl: str, namespace: str, served: Path, port: int) -> None:
        self.namespace = namespace
        self._kubectl = [kubectl, "-n", namespace]
        self._served = served
        self._port = port
        self._revision = 0

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl in the namespace."""
        done = subprocess.run([*self._kubectl, *arguments], input=stdin, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def get(self, *arguments: str) -> Json:
        """Read an object, or a list."""
        read: Json = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return read

    def names(self, kind: str) -> set[str]:
        """List the names of the objects of a kind."""
        return {body["metadata"]["name"] for body in self.get(kind)["items"]}

    def publish(self, folder: Path, source: str) -> str:
        """Make what is in a folder the newest revision of a source, as the source controller would; gives it."""
        self._revision += 1
        archive = self._served / f"{source}-{self._revision}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(folder, arcname=".")
        body = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": source, "namespace": self.namespace},
            "spec": {"interval": "1m", "url": "https://git.test/shop.git"},
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        generation = self.get("gitrepository", source)["metadata"]["generation"]
        revision = f"main@sha1:{self._revision:040x}"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        artifact = {
            "url": f"http://127.0.0.1:{self._port}/{archive.name}",
            "path": archive.name,
            "revision": revision,
            "digest": f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}",
            "lastUpdateTime": now,
            "size": archive.stat().st_size,
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "stored",
            "lastTransitionTime": now,
        }
        status = {"observedGeneration": generation, "artifact": artifact, "conditions": [ready]}
        self.kubectl(
            "patch",
            "gitrepository",
            source,
            "--subresource=status",
            "--type=merge",
            "-p",
            json.dumps({"status": status}),
        )
        return revision

    def kustomizations(self) -> dict[str, Json]:
        """Give all Kustomizations by their names."""
        return {body["metadata"]["name"]: body for body in self.get("kustomizations." + GROUP)["items"]}

    def await_ready(self, revision: str, *names: str) -> None:
        """Wait until Kustomizations (default: all) have applied a revision and are ready."""

        def is_ready() -> bool:
            there = self.kustomizations()
            chosen = [there.get(name) for name in names] if names else list(there.values())
            return bool(chosen) and all(body and _is_ready(body, revision) for body in chosen)

        self.wait_for(is_ready)

    def await_message(self, name: str, text: str) -> None:
        """Wait until a Kustomization says that it is not ready, and why."""
        self.wait_for(lambda: text in _read_ready(self.kustomizations().get(name, {})).get("message", ""))

    def reconcile(self) -> None:
        """Ask for all Kustomizations to be looked at again, as `flux reconcile` does, and wait until they were.

        What is kubectl's in an object that Flux has made it takes away.
        """
        asked = str(time.time_ns())
        self.kubectl(
            "annotate",
            "--overwrite",
            "--field-manager=flux",
            f"kustomizations.{GROUP}",
            "--all",
            f"reconcile.fluxcd.io/requestedAt={asked}",
        )
        self.wait_for(
            lambda: all(
                body["status"].get("lastHandledReconcileAt") == asked and _read_ready(body)["status"] != "Unknown"
                for body in self.kustomizations().values()
            )
        )

    def let_go(self) -> None:
        """Give up all Kustomizations that are still there: without the controller they would stay for ever."""
        for name in self.kustomizations():
            self.kubectl(
                "patch", f"kustomizations.{GROUP}", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
            )

    def wait_for(self, condition: Any) -> None:
        """Wait until something is so."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, self.describe()
            time.sleep(0.5)

    def describe(self) -> str:
        """Say how all Kustomizations are."""
        ready = {name: _read_ready(body) for name, body in self.kustomizations().items()}
        return "\n".join(f"{name}: {each.get('status')} {each.get('message')}" for name, each in sorted(ready.items()))


def _is_ready(body: Json, revision: str) -> bool:
    status = body.get("status", {})
    is_current = status.get("observedGeneration") == body["metadata"]["generation"]
    return is_current and status.get("lastAppliedRevision") == revision and _read_ready(body).get("status") == "True"


def _read_ready(body: Json) -> Json:
    conditions = body.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == "Ready"), {"status": "Unknown"})


def find_definitions() -> Path:
    """Find the definition of Kustomizations in the module that the controller is built from."""
    folder = Path(__file__).parents[1] / "gitops" / "drivers" / "kustomize-controller"
    argv = [find_go(), "list", "-m", "-f", "{{.Dir}}", "github.com/fluxcd/kustomize-controller"]
    module = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    return Path(module) / "config" / "crd" / "bases" / f"{GROUP}_kustomizations.yaml"


@contextmanager
def run_flux(controller: Path, crds: Path, kubectl: str, namespace: str, scratch: Path) -> Iterator[Flux]:
    """Run the controller for a namespace, with the definitions of its kinds installed meanwhile."""
    served = scratch / "served"
    served.mkdir()
    definitions = [crds.read_text(), *(json.dumps(_define(kind, plural)) for kind, plural in SOURCES.items())]
    handler = functools.partial(_Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flux = Flux(kubectl, namespace, served, server.server_address[1])
        try:
            for definition in definitions:
                flux.kubectl("apply", "--server-side", "-f", "-", stdin=definition)
            flux.kubectl("wait", "--for=condition=Established", "crd", f"kustomizations.{GROUP}")
            with (scratch / "controller.log").open("w") as log, _start(controller, namespace, log):
                try:
                    yield flux
                finally:
                    flux.kubectl("delete", f"kustomizations.{GROUP}", "--all", "--timeout=60s", check=False)
                    flux.let_go()
        finally:
            for definition in definitions:
                flux.kubectl("delete", "--ignore-not-found", "--timeout=30s", "-f", "-", stdin=definition, check=False)
            server.shutdown()


@contextmanager
def _start(controller: Path, namespace: str, log: Any) -> Iterator[None]:
    options = ["--watch-all-namespaces=false", "--enable-leader-election=false", "--requeue-dependency=1s"]
    addresses = ["--metrics-addr=0", "--health-addr=127.0.0.1:0"]
    environment = {**os.environ, "RUNTIME_NAMESPACE": namespace}
    process = subprocess.Popen([controller, *options, *addresses], env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep the output of tests clean."""


def _define(kind: str, plural: str) -> Json:
    """Define a kind of sources: the controller reads their status, and checks nothing else."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }
    group = "source.toolkit.fluxcd.io"
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
