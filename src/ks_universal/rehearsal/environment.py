"""How commands learn the rehearsal's database, and no other: by variables, and by words that are replaced in them."""

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ks_universal.rehearsal.server import APPLICATION, Server
from ks_universal.targets.local.ports import LOOPBACK

_OF_A_DATABASE = re.compile(
    r"PG[A-Z]+|PG_.+|DSN|DIRECT_URL|(?i:ConnectionStrings?__.+)|(AWS|GOOGLE|AZURE|KUBE).*"
    r"|.*(DATABASE|POSTGRES(QL)?|JDBC|DATASOURCE|DB|SQL|RDS|SQLALCHEMY|FLYWAY|LIQUIBASE_COMMAND|TYPEORM|GOOSE)_?"
    r"(URL|URI|DSN|DBSTRING|CONN(ECTION)?_?STR(ING)?|HOST|HOSTNAME|SERVER|PORT|NAME|DATABASE|DB|USER|USERNAME|PASSWORD|PASS"
    r"|SERVICE)"
).fullmatch
"""Variables by which a command could reach another database than the rehearsal's."""
_PART = re.compile(
    r"(?i:ConnectionStrings?__(?P<named>.+))|(?:^|.*_)(?P<part>URL|URI|DSN|DBSTRING|CONN(?:ECTION)?_?STR(?:ING)?"
    r"|HOST|HOSTNAME|SERVER|PORT|NAME|DATABASE|DB|USER|USERNAME|PASSWORD|PASS)"
).fullmatch
_ADDRESS = re.compile(
    r"(?i)([a-z][\w-]*:)?postg(res|resql|is)(\+\w+)?://.*|(?=.*\b(host|server|hostaddr|service)\s*=)(?=.*\b(dbname|database)\s*=).*",
    re.DOTALL,
).fullmatch
"""The address of a PostgreSQL, whatever the name of its variable: a URL, or `host=... dbname=...`."""
_PREFIXES = ("DB", "DATABASE", "POSTGRES")


def name_address(server: Server, database: str = APPLICATION) -> dict[str, str]:
    """Give the words by which commands name a database: `{url}`, `{jdbc_url}`, `{host}` ... are replaced by them."""
    port, password = str(server.port), server.password
    place = f"{quote(server.role, safe='')}:{password}@{LOOPBACK}:{port}/{database}"
    return {
        "url": f"postgresql://{place}?sslmode=disable",
        "sqlalchemy_url": f"postgresql+psycopg://{place}",
        "jdbc_url": f"jdbc:postgresql://{LOOPBACK}:{port}/{database}",
        "host": LOOPBACK,
        "port": port,
        "db": database,
        "user": server.role,
        "password": password,
    }


def build_environment(server: Server, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give a command's environment: what is inherited, where what names a database names this one, and its names."""
    return {**_turn(inherited, server), **_name_variables(server), "PATH": _find_path(inherited, server)}


def redirect(env: Mapping[str, str], server: Server) -> dict[str, str]:
    """Have variables that name a database name the rehearsal's; those of other meaning stay as they are."""
    own = _name_variables(server)
    common = {name: value for name, value in own.items() if name.startswith("PG") or name == "DATABASE_URL"}
    return {**_turn(env, server), **common, "PATH": _find_path(env, server)}


def say_variables(server: Server, inherited: Mapping[str, str] = os.environ) -> str:
    """Say by which variables commands learn the address, and which others were turned to it, or taken away."""
    own = _name_variables(server)
    groups = dict.fromkeys("PG*" if name.startswith("PG") else f"{name.partition('_')[0]}_*" for name in own)
    text = f"{', '.join(groups)} name {server.role}@{LOOPBACK}:{server.port}/{APPLICATION}"
    turned = _turn(inherited, server)
    changed = [name for name in inherited if name not in own and turned.get(name) != inherited[name]]
    return f"{text}; so do, or are not set: {', '.join(sorted(changed))}" if changed else text


def _find_path(env: Mapping[str, str], server: Server) -> str:
    # Its psql is there where the machine has none.
    return f"{env.get('PATH', os.defpath)}{os.pathsep}{server.clients.folder}"


def _name_variables(server: Server) -> dict[str, str]:
    words = name_address(server)
    host, port, name = words["host"], words["port"], words["db"]
    user, password, url = words["user"], words["password"], words["url"]
    named = {
        f"{prefix}_{part}": value
        for prefix in _PREFIXES
        for part, value in (
            ("HOST", host), ("PORT", port), ("NAME", name), ("USER", user), ("USERNAME", user), ("PASSWORD", password),
        )
    }  # fmt: skip
    jdbc = {
        f"{prefix}_{part}": value
        for prefix, of_user in (
            ("SPRING_DATASOURCE", "USERNAME"), ("JDBC_DATABASE", "USERNAME"), ("FLYWAY", "USER"),
            ("LIQUIBASE_COMMAND", "USERNAME"),
        )
        for part, value in (("URL", words["jdbc_url"]), (of_user, user), ("PASSWORD", password))
    }  # fmt: skip
    return {
        "DATABASE_URL": url,
        "PGHOST": host,
        "PGPORT": port,
        "PGDATABASE": name,
        "PGUSER": user,
        "PGPASSWORD": password,
        "PGSSLMODE": "disable",
        # Those of the user's home have the passwords and the names of others. These files are not there.
        "PGPASSFILE": f"{server.folder}/pgpass",
        "PGSERVICEFILE": f"{server.folder}/pg_service.conf",
        **named,
        "DB_DATABASE": name,
        "POSTGRES_DB": name,
        **jdbc,
        "GOOSE_DRIVER": "postgres",
        "GOOSE_DBSTRING": url,
    }


def _turn(env: Mapping[str, str], server: Server) -> dict[str, str]:
    """Turn what names a database to the rehearsal's; what cannot be turned is left out."""
    return dict(_list_turned(env, server))


def _list_turned(env: Mapping[str, str], server: Server) -> Iterable[tuple[str, str]]:
    words = name_address(server)
    own = _name_variables(server)
    parts = {
        "PORT": words["port"],
        **dict.fromkeys(("PASSWORD", "PASS"), words["password"]),
        **dict.fromkeys(("NAME", "DATABASE", "DB"), words["db"]),
        **dict.fromkeys(("USER", "USERNAME"), words["user"]),
    }
    for name, value in env.items():
        part = _PART(name)
        if _ADDRESS(value):
            yield name, _turn_address(value, words)
        elif not _OF_A_DATABASE(name):
            yield name, value
        elif name in own:
            yield name, own[name]
        elif part and part["part"] in parts:
            yield name, parts[part["part"]]
        elif part and part["part"] in ("HOST", "HOSTNAME", "SERVER"):
            yield name, f"{words['host']}:{words['port']}" if re.search(r":\d+$", value) else words["host"]
        elif part:
            yield name, _turn_address(value, words)


def _turn_address(address: str, words: Mapping[str, str]) -> str:
    """Point an address at the rehearsal's database; the scheme of a URL stays, for it may choose a driver."""
    if address.startswith("jdbc:"):
        login = f"?user={quote(words['user'], safe='')}&password={words['password']}" if "user=" in address else ""
        return words["jdbc_url"] + login
    scheme, separator, _ = address.partition("://")
    if separator:
        return f"{scheme}://{words['url'].partition('://')[2]}"
    if ";" in address:  # as .NET writes it
        return "Host={host};Port={port};Database={db};Username={user};Password={password}".format_map(words)
    if "=" in address:
        return "host={host} port={port} dbname={db} user={user} password={password}".format_map(words)
    return words["url"]
