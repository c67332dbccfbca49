"""`exec`, `up --run` and `logs` of a release in a container engine: beside the program that runs it."""

import subprocess
from pathlib import Path

from support.container_engine import ENGINE, FOREVER, list_left, sh
from support.up_process import KSU, running

from .conftest import write_values


def ask(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*KSU, *arguments], input=stdin, capture_output=True, text=True, check=False)


def test_exec_and_a_cron_job_run_beside_a_release_that_is_up(folder: Path) -> None:
    web = {"containers": {"main": sh(FOREVER, env=[{"name": "COLOR", "value": "green"}])}}
    fails = sh("echo tidies; exit 7")
    tidy = {"schedule": "0 3 * * *", "containers": {"main": fails}, "backoffLimit": 0}
    write_values({"deployments": {"web": web}, "cronJobs": {"tidy": tidy}})
    with running(f"--engine={ENGINE}") as up:
        up.read_until("RunEnded")
        ran = ask("exec", "web", "web", "--", "sh", "-c", "cat; echo $COLOR; exit 9", stdin="given\n")
        assert (ran.returncode, ran.stdout) == (9, "given\ngreen\n")
        ran = ask("up", "web", "-f", "values.yaml", "--run", "tidy")  # in the engine that runs it
        assert (ran.returncode, "tidies" in ran.stdout) == (7, True)
        assert ask("logs", "web", "tidy", "--local").stdout == "tidy | tidies\n"
        status = ask("status", "web", "--local").stdout
        assert (status.startswith(f"run in {ENGINE} by "), "web: 1 of 1 ready" in status) == (True, True)
        assert len(list_left(folder)["ps"]) == 2  # the pod's own, and the container
        assert up.interrupt() == 130
