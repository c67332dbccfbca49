"""A pod in a container engine is what Kubernetes makes of it: rights, limits, hooks, probes, parts of volumes."""

import json
from pathlib import Path
from typing import Any

from support.container_engine import ENGINE, application, ask, sh
from support.up_process import running

from .conftest import write_values

Json = dict[str, Any]
CLAIMS = {"data": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
CONFIGS = {
    "settings": {"type": "configMap", "data": {"page": "hello"}},
    "creds": {"type": "secret", "data": {"PASSWORD": "s3cret-word"}},
}


def inspect(container: str) -> Json:
    name = ask("ps", f"--filter=name=^web-{container}-", "--format={{.Names}}").strip()
    (found,) = json.loads(ask("inspect", name))
    return dict(found)


def test_rights_limits_hooks_probes_and_parts_of_volumes(folder: Path) -> None:
    looks = (
        "grep -E 'NoNewPrivs|CapBnd' /proc/self/status; stat -c '%a %n' /all/* /secret/PASSWORD; cat /all/app; echo;"
        "ls /part; touch /tmp/alive; echo started; httpd -f -p 8080 -h /all"
    )
    context = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }
    post_start = "until [ -e /tmp/alive ]; do sleep 0.1; done; echo hook >> /host/hooks; test -e /host/fine"
    main = sh(
        looks,
        securityContext=context,
        resources={"limits": {"memory": "50Mi", "cpu": "500m"}},
        ports={"http": {"containerPort": 8080}},
        lifecycle={
            "postStart": {"exec": {"command": ["sh", "-c", post_start]}},
            "preStop": {"httpGet": {"path": "/cgi-bin/last", "port": "http"}},
        },
        probes={
            "startupProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
            "livenessProbe": {"exec": {"command": ["test", "-e", "/tmp/alive"]}, "periodSeconds": 1},
        },
        volumeMounts=[
            {"name": "all", "mountPath": "/all"},
            {"name": "secret", "mountPath": "/secret"},
            {"name": "data", "mountPath": "/part", "subPath": "inner/part"},
            {"name": "tmp", "mountPath": "/tmp", "subPath": "tmp"},
            {"name": "host", "mountPath": "/host"},
        ],
    )
    projected = [
        {"configMap": {"name": "settings"}},
        {"downwardAPI": {"items": [{"path": "app", "fieldRef": {"fieldPath": "metadata.labels['tier']"}}]}},
    ]
    web = application(main, "echo row > /data/inner/part/made; until wget -q -O- http://db:5432/; do sleep 0.2; done")
    web |= {
        "terminationGracePeriodSeconds": 2,
        "podLabels": {"tier": "front"},
        "volumes": [
            {"name": "all", "projected": {"defaultMode": 0o400, "sources": projected}},
            {"name": "secret", "secret": {"secretName": "creds", "defaultMode": 0o400}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "host", "hostPath": {"path": str(folder)}},
        ],
    }
    web["migrations"] |= {"dependsOn": ["db"], "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    serve = sh(
        "echo up > /srv/index.html; httpd -f -p 5432 -h /srv",
        ports={"sql": {"containerPort": 5432}},
        probes={"readinessProbe": {"tcpSocket": {"port": "sql"}, "periodSeconds": 1}},
        volumeMounts=[{"name": "data", "mountPath": "/srv", "subPath": "srv"}],
    )
    keeps = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    db = {"autoCreateService": True, "containers": {"main": serve}, "volumes": keeps}
    db["waitForMigrations"] = False
    write_values({"configs": CONFIGS, "persistentVolumeClaims": CLAIMS, "deployments": {"db": db, "web": web}})
    with running(f"--engine={ENGINE}") as running_up:
        running_up.read_until_log("started")
        ended = running_up.read_until("ContainerEnded")  # by the hook, which has failed
        assert (ended["source"], (folder / "hooks").read_text()) == ("web", "hook\n")
        (folder / "fine").touch()
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        lines = [event["line"] for event in running_up.events if event["type"] == "LogWritten"]
        assert "NoNewPrivs:\t1" in lines
        assert "CapBnd:\t0000000000000400" in lines
        assert {"400 /all/page", "400 /all/app", "400 /secret/PASSWORD", "front", "made"} <= set(lines)
        found = inspect("web-main")
        host = found["HostConfig"]
        assert (host["Memory"], host["NanoCpus"] or host["CpuQuota"] * 10000) == (50 * 2**20, 500_000_000)
        assert (folder / "hooks").read_text() == "hook\nhook\n"
        ask("exec", found["Name"].lstrip("/"), "rm", "/tmp/alive")
        assert running_up.read_until("ContainerEnded")["source"] == "web"  # by the liveness probe
        running_up.read_until("ProbePassed", lambda event: event["source"] == "web")
        assert running_up.interrupt() == 130
