"""What `local` gives containers of this machine: the embedded PostgreSQL, folders, and ports."""

import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from support.container_engine import ENGINE, FOREVER, IMAGE, TAG, application, ask, sh
from support.up_process import KSU, processes_in, running

from .conftest import write_values

Json = dict[str, Any]


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_folders_and_ports_of_this_machine(folder: Path) -> None:
    (folder / "source").mkdir()
    (folder / "source" / "page").write_text("as it was")
    port, metrics = find_free_port(), find_free_port()
    serve = "touch /srv/x || echo read only; httpd -f -p 8080 -h /srv & httpd -f -p 9000 -h /srv"
    main = sh(serve, ports={"http": {"containerPort": 8080, "servicePort": 80}, "metrics": {"containerPort": 9000}})
    web = application(main, "cat /srv/page; echo; echo migrated") | {"autoCreateService": True}
    mount = {"source": "source", "target": "/srv", "readOnly": True}
    local: Json = {"mounts": {IMAGE: [mount]}, "ports": {"web": {"80": port, "metrics": metrics}}}
    values = {"deployments": {"web": web}, "local": local}
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", metrics))
        taken.listen()
        write_values(values)
        refused = subprocess.run(
            [*KSU, "up", "web", "-f", "values.yaml", f"--engine={ENGINE}"], capture_output=True, text=True, check=False
        )
        assert (refused.returncode, f"web wants port {metrics} of this machine" in refused.stderr) == (1, True)
        assert "migrated" not in refused.stdout
    with running(f"--engine={ENGINE}", "--watch") as running_up:
        running_up.read_until_log("as it was")
        running_up.read_until_log("read only")
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        (folder / "source" / "page").write_text("as it is")
        for each in (port, metrics):
            with urllib.request.urlopen(f"http://127.0.0.1:{each}/page") as answer:
                assert answer.read() == b"as it is"
        main["env"] = [{"name": "V", "value": "2"}]  # the next version takes the ports over
        write_values(values)
        assert running_up.read_until("RunEnded")["outcome"] == "succeeded"
        local["mounts"] = {f"{IMAGE}:{TAG}": [{**mount, "source": "elsewhere"}]}
        write_values(values)
        assert f"{folder}/elsewhere does not exist" in running_up.read_until("Problem")["message"]
        assert running_up.interrupt() == 130


def test_the_embedded_postgresql_answers_in_the_network_under_its_name_and_on_the_bridge_alone(folder: Path) -> None:
    # A client that asks for no more than a login: it is asked for the password (SASL), or refused.
    packet = r"\0\0\0\042\0\003\0\0user\0%s\0database\0shop\0\0"
    ask_for = f"printf '{packet}' $1 | nc -w 3 $DB_HOST $DB_PORT | tr -dc 'A-Za-z0-9_. -'"
    login = f"set -- mike_; {ask_for}; echo; set -- ks_un; {ask_for}; echo"
    main = sh(f"echo serves at $DB_URL; {FOREVER}")
    web = application(main, f"{login}; sh -c '{FOREVER}' & until [ -e /go/on ]; do sleep 0.2; done")
    web["volumes"] = [{"name": "go", "hostPath": {"path": str(folder)}}]
    main["volumeMounts"] = [{"name": "go", "mountPath": "/go"}]
    env = {"DB_HOST": "$(LOCAL_POSTGRES_HOST)", "DB_PORT": "$(LOCAL_POSTGRES_PORT)", "DB_URL": "$(LOCAL_POSTGRES_URL)"}
    postgres = {"user": "mike_", "database": "shop", "password": "pw-of-test", "host": "db.example.com"}
    write_values({"deployments": {"web": web}, "local": {"postgres": postgres, "env": env}})
    with running(f"--engine={ENGINE}") as running_up:
        running_up.read_until_log("SCRAM-SHA-256")
        running_up.read_until_log("no pg_hba.conf entry")
        log = (folder / ".ks-universal" / "web" / "postgres" / "log").read_text()
        running_up.process.kill()
    assert "listening on IPv4 address" in log
    with running(f"--engine={ENGINE}") as running_up:
        assert running_up.read_until("AttemptStarted")["resumed"] is True
        (folder / "on").touch()
        running_up.read_until_log("serves at postgresql://mike_:")
        listeners = Path("/proc/net/tcp").read_text()
        assert running_up.interrupt() == 130
    port = int((folder / ".ks-universal" / "web" / "postgres" / "port").read_text())
    bound = {line.split()[1].split(":")[0] for line in listeners.splitlines() if f":{port:04X} 00000000:0000" in line}
    assert len(bound) == 2
    assert {"0100007F", "00000000"} & bound == {"0100007F"}
    assert processes_in(folder / ".ks-universal") == []
    assert ask("ps", "--all", "--quiet", "--filter=name=^web-embedded-postgres").split() == []
