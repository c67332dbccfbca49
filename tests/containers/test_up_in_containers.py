"""`up --engine`: the promises of a release, kept with images in a container engine."""

import json
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support.container_engine import ENGINE, FOREVER, IMAGE, TAG, application, ask, list_left, list_volumes, sh
from support.up_process import KSU, Up, running

from .conftest import write_values

SECRET = "s3cret-word"
CONFIGS = {
    "settings": {"type": "configMap", "data": {"COLOR": "green", "page": "hello"}},
    "creds": {"type": "secret", "data": {"PASSWORD": f"{SECRET}\nline two", "PATH_OF_IT": "/x"}},
}
Json = dict[str, Any]


def up(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Bring the release up in the background, or fail."""
    command = [*KSU, "up", "web", "-f", "values.yaml", f"--engine={ENGINE}", "--until-ready", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def down(*arguments: str) -> str:
    return subprocess.run([*KSU, "down", "web", *arguments], capture_output=True, text=True, check=True).stderr


def engine_running(*arguments: str) -> Any:
    return running(f"--engine={ENGINE}", *arguments)


def read_addresses() -> dict[str, str]:
    command = [*KSU, "status", "web", "--local", "-o", "json"]
    state = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {name: url for each in state["applications"] for name, url in each["addresses"].items()}


def name_of(part: str) -> str:
    (name,) = ask("ps", f"--filter=name=^web-{part}-", "--format={{.Names}}").split()
    return name


def read_log(part: str) -> str:
    return ask("logs", name_of(part))


def test_a_pod_has_one_network_and_its_volumes_and_answers_under_the_names_of_its_services(folder: Path) -> None:
    looks = (
        "ls -l /files/sub /secrets; cat /files/sub/page; echo; id; echo $IP; hostname -i; touch /x || echo no root;"
        "cat /shared/order; echo ends with $0 $1; httpd -f -p 8080 -h /shared"
    )
    side = sh("echo side >> /shared/order; httpd -f -p 9000 -h /shared", name="side", restartPolicy="Always")
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    main = {
        "image": IMAGE,
        "imageTag": TAG,
        "command": ["sh", "-c", looks],
        "args": ["a-$(COLOR)", "$$(COLOR)"],
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "envFrom": [
            {"type": kind, "configName": name} for name, kind in (("settings", "configMap"), ("creds", "secret"))
        ],
        "ports": {"http": {"containerPort": 8080, "servicePort": 80}},
        "securityContext": {"runAsUser": 1000, "runAsGroup": 7, "readOnlyRootFilesystem": True},
        "volumeMounts": [
            *mounts,
            {"name": "files", "mountPath": "/files"},
            {"name": "secret", "mountPath": "/secrets/only", "subPath": "PASSWORD"},
            {"name": "data", "mountPath": "/data"},
        ],
        "probes": {"readinessProbe": {"httpGet": {"path": "/order", "port": "http"}, "periodSeconds": 1}},
    }
    web = {
        "autoCreateService": True,
        "volumes": [
            {
                "name": "files",
                "configMap": {"name": "settings", "items": [{"key": "page", "path": "sub/page", "mode": 0o400}]},
            },
            {"name": "secret", "secret": {"secretName": "creds"}},
            {"name": "shared", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        ],
        "securityContext": {"fsGroup": 2000},
        "initContainers": [
            sh("id; echo first > /shared/order", name="first", volumeMounts=mounts),
            {**side, "volumeMounts": mounts},
        ],
        "containers": {"main": main},
    }
    asks = "until wget -q -O- http://web/order && wget -q -O- http://web.default.svc:80/order; do sleep 0.2; done"
    client = {"containers": {"main": sh(f"{asks}; echo asked; {FOREVER}")}}
    claims = {"data": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}
    write_values({"configs": CONFIGS, "persistentVolumeClaims": claims, "deployments": {"web": web, "client": client}})

    with engine_running() as running_up:
        running_up.read_until_log("asked")
        log = [line.strip() for line in read_log("web-main").splitlines()]
        assert "hello" in log
        assert "ends with a-green $(COLOR)" in log
        (user,) = (line for line in log if line.startswith("uid="))
        assert user.startswith("uid=1000(app) gid=7")
        assert "2000" in user
        assert log[log.index("first") : log.index("first") + 2] == ["first", "side"]
        assert "no root" in log
        address = next(line for line in log if line.startswith("10."))
        assert log.count(address) == 2  # as its own variable and the pod's names have it
        with urllib.request.urlopen(read_addresses()["web:80"] + "/order") as answer:
            assert answer.read() == b"first\nside\n"
        assert SECRET not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert SECRET not in ask("ps", "--all", "--no-trunc")
        assert running_up.interrupt() == 130
    assert list_left(folder) == {"ps": [], "network": []}
    assert [name.startswith("web-data-") for name in list_volumes(folder)] == [True]


def test_a_failed_migration_leaves_the_version_before_serving_and_its_data_outlives_the_release(folder: Path) -> None:
    mount = [{"name": "data", "mountPath": "/data"}]
    claims = {"data": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}

    def version(number: int, migration: str) -> Json:
        main = sh(f"echo v{number} serves; {FOREVER}", volumeMounts=mount, env=[{"name": "V", "value": str(number)}])
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
        web = application(main, migration, volumes=volumes)
        return {"persistentVolumeClaims": claims, "deployments": {"web": web}}

    write_values(version(1, "echo one >> /data/steps"))
    with engine_running("--watch") as running_up:
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        before = ask("ps", "--quiet", f"--filter=name={name_of('web-main')}")
        write_values(version(2, "echo two >> /data/steps; exit 4"))
        assert "exit code 4" in str(running_up.read_until("StepFailed"))
        assert running_up.read_until("RunEnded")["outcome"] == "migration-failed"
        assert ask("ps", "--quiet", f"--filter=name={name_of('web-main')}") == before
        assert running_up.interrupt() == 130
    write_values(version(3, "cat /data/steps"))
    said = up("--migrate=always").stdout
    assert "| one\n" in said
    assert "| two\n" in said
    assert down() == "web is stopped\n"
    write_values(version(4, "ls /data"))
    said = up("--fresh").stdout
    assert "first deploy" in said
    assert "| steps\n" not in said
    (volume,) = list_volumes(folder)
    assert f"removes for good: volume {volume} of {ENGINE}, " in down("--fresh")
    assert (list_left(folder), list_volumes(folder)) == ({"ps": [], "network": []}, [])


def test_resume_a_migration_whose_program_was_killed_is_taken_up_and_the_rest_is_removed(folder: Path) -> None:
    counts = "echo x >> /tries/n; echo begun; until [ -e /tries/go ]; do sleep 0.1; done; echo end"
    (folder / "tries").mkdir()
    host = [{"name": "tries", "hostPath": {"path": str(folder / "tries")}}]
    main = sh(FOREVER, volumeMounts=[{"name": "tries", "mountPath": "/tries"}])
    first = {"containers": {"main": sh(FOREVER)}, "migrations": {"enabled": False}}
    write_values({"deployments": {"web": application(main, counts, volumes=host), "first": first}})
    killed = Up(f"--engine={ENGINE}")
    try:
        killed.read_until_log("begun")
        killed.process.send_signal(signal.SIGKILL)
    finally:
        killed.close()
    with engine_running() as running_up:
        started = running_up.read_until("AttemptStarted")
        assert (started["number"], started["resumed"]) == (1, True)
        running_up.read_until_log("begun")  # its log from the start
        (folder / "tries" / "go").touch()
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        assert (folder / "tries" / "n").read_text() == "x\n"
        running_up.process.send_signal(signal.SIGKILL)
    assert list_left(folder)["ps"] != []
    assert down() == "web is stopped\n"
    assert (list_left(folder), list_volumes(folder)) == ({"ps": [], "network": []}, [])


@pytest.mark.parametrize(
    ("container", "code", "words"),
    [
        ({"image": "localhost:1/none", "imageTag": "1", "command": ["true"]}, "local/image", "cannot be pulled"),
        ({"image": "none", "imageTag": "1", "imagePullPolicy": "Never"}, "local/image", "forbids to pull it"),
        (sh("true", command=["no-such-command"]), "process/not-found", "exit code 127"),
        (sh("true", securityContext={"runAsNonRoot": True}), "local/root", "forbids to run it as root"),
    ],
    ids=["not pulled", "not here", "no command", "root"],
)  # fmt: skip
def test_early_truth_what_cannot_run_fails_with_its_cause(container: Json, code: str, words: str) -> None:
    write_values({"deployments": {"web": {"containers": {"main": container}}}})
    result = up()
    assert result.returncode in (1, 4)
    said = result.stdout + result.stderr
    assert f"error[{code}" in said
    assert words in said


def test_early_truth_a_migration_that_needs_more_memory_than_it_may_is_killed_and_told() -> None:
    web = application(sh(FOREVER), "head -c 200m /dev/zero | tail")
    web["migrations"]["resources"] = {"limits": {"memory": "20Mi"}}
    write_values({"deployments": {"web": web}})
    result = up()
    assert result.returncode == 3
    assert "error[process/killed]" in result.stdout or "error[process/out-of-memory]" in result.stdout
