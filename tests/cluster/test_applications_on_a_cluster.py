"""What the guide's reader expects of an application and its migrations beside it, seen from outside on a cluster."""

from pathlib import Path

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import POD
from support.cluster_release import Events, wait_until
from support.deploying import deploy, items, kubectl, start

EFFECTS = Path("/var/tmp/ksu-effects")
MAIN = """
        image: busybox
        imageTag: local
        command: [sh]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""
SERVE = "httpd -f -p 8080 -h /tmp & wait"


def effects(namespace: str) -> str:
    """The settings that give all containers a folder of the node in which they leave their marks."""
    return f"""
deploymentsGeneral:
  volumes:
    - {{name: effects, hostPath: {{path: {EFFECTS}/{namespace}, type: DirectoryOrCreate}}}}
"""


def gated(namespace: str, *, colour: str, password: str, migration: str) -> str:
    """An application that says what configuration it has got, in variables and in a file."""
    return f"""
configs:
  settings: {{type: configMap, data: {{COLOUR: {colour}}}}}
  db: {{type: secret, data: {{PASSWORD: {password}}}}}
deployments:
  my-app:
    replicas: 1
    volumes:
      - {{name: settings, configMap: {{name: settings}}}}
      - {{name: effects, hostPath: {{path: {EFFECTS}/{namespace}, type: DirectoryOrCreate}}}}
    migrations:
      enabled: true
      backoffLimit: 0
      volumeMounts: [{{name: effects, mountPath: /effects}}]
      args: ["-c", "{migration}"]
    containers:
      main:{MAIN}
        args: ["-c", "trap 'exit 0' TERM; echo has $COLOUR $PASSWORD and $(cat /settings/COLOUR); {SERVE}"]
        volumeMounts: [{{name: settings, mountPath: /settings}}]
        envFrom: [{{type: configMap, configName: settings}}, {{type: secret, configName: db}}]
"""


def run_pods(namespace: str) -> list[str]:
    """The names of the application's pods."""
    return [pod["metadata"]["name"] for pod in items(namespace, POD) if "migrations" not in pod["metadata"]["name"]]


def restarts(namespace: str, name: str) -> int:
    """How often a container of the pod was started again."""
    (pod,) = (pod for pod in items(namespace, POD) if pod["metadata"]["name"] == name)
    return sum(status["restartCount"] for status in pod["status"]["containerStatuses"])


@pytest.mark.parametrize("how", ["pod deleted", "container ended"])
def test_gate_what_restarts_in_the_middle_of_a_failing_migration_gets_the_old_configuration(
    namespace: str, tmp_path: Path, how: str
) -> None:
    deploy(namespace, gated(namespace, colour="red", password="one", migration="true"), tmp_path)
    (old,) = run_pods(namespace)
    failing = "echo began; until [ -e /effects/go ]; do sleep 0.1; done; exit 3"
    with start(namespace, gated(namespace, colour="blue", password="two", migration=failing), tmp_path) as process:
        assert process.stdout is not None
        assert any('"line":"began"' in line for line in process.stdout)
        try:
            if how == "pod deleted":
                kubectl(namespace, "delete", "pod", old)
            else:
                # Not at once: the end of the container would be that of the command in it, too.
                kubectl(namespace, "exec", old, "--", "sh", "-c", "(sleep 0.3; kill 1) >/dev/null 2>&1 &")
                wait_until(lambda: restarts(namespace, old) == 1)
            kubectl(namespace, "wait", "--for=condition=Available", "deployment/my-app", "--timeout=60s")
            restarted = kubectl(namespace, "logs", "deployment/my-app")
        finally:
            (EFFECTS / namespace / "go").touch()
            process.communicate()
    assert restarted == "has red one and red\n"
    assert kubectl(namespace, "logs", "deployment/my-app") == "has red one and red\n"
    assert kubectl(namespace, "get", "configmap/settings", "-o", "jsonpath={.data.COLOUR}") == "red"


def expanded(namespace: str, colour: str) -> str:
    """An application whose pods take their time to end, and whose second migration step waits for that."""
    note = ">> /effects/order"
    serve = f"trap 'sleep 2; echo $COLOUR gone {note}; exit 0' TERM; echo $COLOUR up {note}; {SERVE}"
    return f"""
{effects(namespace)}
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 0
      volumeMounts: [{{name: effects, mountPath: /effects}}]
      steps:
        - {{name: expand, args: ["-c", "echo {colour} expand {note}"]}}
        - {{name: contract, phase: post, args: ["-c", "echo {colour} contract {note}"]}}
    containers:
      main:{MAIN}
        args: ["-c", "{serve}"]
        volumeMounts: [{{name: effects, mountPath: /effects}}]
        env: [{{name: COLOUR, value: {colour}}}]
"""


def test_order_a_migration_of_the_post_phase_runs_after_the_last_old_pod_is_gone(
    namespace: str, tmp_path: Path
) -> None:
    for colour in ("red", "blue"):
        assert deploy(namespace, expanded(namespace, colour), tmp_path)[0].outcome is Outcome.SUCCEEDED
    assert (EFFECTS / namespace / "order").read_text().splitlines() == [
        "red expand",
        "red up",
        "red contract",
        "blue expand",
        "blue up",
        "red gone",
        "blue contract",
    ]


def test_order_a_database_of_the_same_values_comes_up_before_the_migration_that_depends_on_it(
    namespace: str, tmp_path: Path
) -> None:
    values = f"""
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 0
      dependsOn: [postgresql]
      timeout: 60s
      args: ["-c", "wget -qO- http://postgresql:5432"]
      initContainers:
        - name: wait-for-db
          image: busybox
          imageTag: local
          command: [sh, -c, "until nc -w 1 postgresql 5432 </dev/null; do echo waiting for db; sleep 1; done"]
    containers:
      main:{MAIN}
        args: ["-c", "trap 'exit 0' TERM; {SERVE}"]
  postgresql:
    replicas: 1
    autoCreateService: true
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; echo a database >/tmp/index.html; httpd -f -p 5432 -h /tmp & wait"]
        ports: {{db: {{containerPort: 5432, servicePort: 5432}}}}
        readinessProbe: {{tcpSocket: {{port: 5432}}, periodSeconds: 1}}
"""
    revision, events = deploy(namespace, values, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert "a database" in events.lines()


def test_sidecars_that_are_listed_serve_the_migration_and_others_do_not_start(namespace: str, tmp_path: Path) -> None:
    values = f"""
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 0
      timeout: 60s
      sidecars: [proxy]
      args: ["-c", "until wget -qO- http://localhost:9000; do sleep 0.1; done"]
    containers:
      main:{MAIN}
        args: ["-c", "trap 'exit 0' TERM; {SERVE}"]
      proxy:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; echo through the proxy >/tmp/index.html; httpd -f -p 9000 -h /tmp & wait"]
      metrics:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
"""
    revision, events = deploy(namespace, values, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert "through the proxy" in events.lines()
    (pod,) = (pod for pod in items(namespace, POD) if "migrations" in pod["metadata"]["name"])
    started = [
        status["name"] for key in ("initContainerStatuses", "containerStatuses") for status in pod["status"][key]
    ]
    assert sorted(started) == ["main", "proxy"]
    wait_until(lambda: "1 Succeeded" in kubectl(namespace, "describe", "job/my-app-migrations"))


def retried(namespace: str, migration: str, more: str = "") -> str:
    return f"""
{effects(namespace)}
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 3
      {more}
      volumeMounts: [{{name: effects, mountPath: /effects}}]
      args: ["-c", "{migration}"]
    containers:
      main:{MAIN}
        args: ["-c", "trap 'exit 0' TERM; {SERVE}"]
"""


def exits(events: Events) -> list[int | None]:
    return [event.attempt.exit_code for event in events.of(AttemptEnded)]


def test_exact_retries_three_retries_are_four_attempts_with_the_first_failure_first(
    namespace: str, tmp_path: Path
) -> None:
    count = "echo x >> /effects/tries; n=$(wc -l < /effects/tries); echo try $n; exit $n"
    revision, events = deploy(namespace, retried(namespace, count), tmp_path)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert exits(events) == [1, 2, 3, 4]
    assert (EFFECTS / namespace / "tries").read_text() == "x\n" * 4
    assert [event.number for event in events.of(AttemptStarted)] == [1, 2, 3, 4]
    assert [attempt.log_tail for attempt in revision.steps[0].attempts] == [(f"try {n}",) for n in range(1, 5)]
    assert "exit code 1" in revision.failures[0].causes[0].message


def test_exact_retries_a_fatal_exit_code_ends_the_retries_that_others_do_not(namespace: str, tmp_path: Path) -> None:
    turn = "[ -e /effects/tried ] && exit 42; touch /effects/tried; exit 3"
    values = retried(namespace, turn, "fatalExitCodes: [42]")
    revision, events = deploy(namespace, values, tmp_path)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert exits(events) == [3, 42]


def test_exact_retries_end_with_the_attempt_that_succeeds(namespace: str, tmp_path: Path) -> None:
    turn = "[ -e /effects/tried ] && exit 0; touch /effects/tried; exit 3"
    revision, events = deploy(namespace, retried(namespace, turn), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert exits(events) == [3, 0]
    assert "1 Failed" in kubectl(namespace, "describe", "job/my-app-migrations")
    assert kubectl(namespace, "logs", "job/my-app-migrations", "--all-pods=true") == ""
