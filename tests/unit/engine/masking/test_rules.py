"""What is a secret, by the rules of docs/secrets.md; on the values of real applications, too."""

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ks_universal.api.values import load, render
from ks_universal.engine.masking import Mask
from ks_universal.resources.objects import Rendered, object_ref

APPLICATIONS = Path(__file__).parents[3] / "data" / "applications"


def secret(name: str = "s", /, **values: str) -> dict[str, Any]:
    data = {key: b64encode(value.encode()).decode() for key, value in values.items()}
    return {"kind": "Secret", "metadata": {"name": name}, "data": data}


def config(**data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RAILS_LOG_TO_STDOUT", "true"),
        ("LOG_LEVEL", "info"),
        ("LOG_LEVEL", "WARNING"),
        ("POSTGRES_PORT", "5432"),
        ("TIMEOUT", "30000ms"),
        ("CACHE_SIZE", "512Mi"),
        ("RAILS_ENV", "production"),
        ("POSTGRES_USERNAME", "postgres"),
        ("POSTGRES_DATABASE", "chatwoot_production"),
        ("MYSQL_DATABASE", "shop2_prod_v3"),
        ("PGSSLMODE", "verify-full"),
        ("DATABASE_HOST", "airflow-pgbouncer.default.svc.cluster.local"),
        ("REDIS", "redis-master.cache.svc:6379"),
        ("BROKERS", "kafka-0.kafka:9092,kafka-1.kafka:9092"),
        ("BIND", "0.0.0.0:8080"),
        ("AWS_REGION", "eu-west-1"),
        ("TZ", "Europe/Berlin"),
        ("DAGS", "/opt/airflow/dags"),
        ("EXECUTOR", "CeleryExecutor"),
        ("MAIL_FROM", "notifications@example.com"),
        ("S3_ENDPOINT", "https://s3.example.com"),
        ("SITE", "https://shop.example.com:8443/admin/login"),
        ("JWT_ALGORITHM", "HS256"),
        ("DB_CHARSET", "utf8mb4"),
        ("IMAGE", "ghcr.io/mastodon/mastodon:v4.6.3"),
        ("PASSWORD_FILE", "/run/secrets/password"),
        ("TOKEN_TTL", "3600"),
        ("PASSWORD_HASHER_ALGORITHM", "argon2id"),
        ("DATABASE_URL", "sqlite:///data/app.db"),
        ("DB_PASSWORD", "$(POSTGRES_PASSWORD)"),
        ("DB_PASSWORD", "abc"),
    ],
)
def test_a_setting_is_no_secret(key: str, value: str) -> None:
    line = f"{key} is {value} here"
    assert Mask([secret(**{key: value})]).text(line) == line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("POSTGRES_PASSWORD", "x8Jq-real"),
        ("DB_PASS", "sunshine"),
        ("dbPassword", "correcthorsebatterystaple"),
        ("mongodb-root-password", "change-me-pw"),
        ("PASSWORD", "$ecret-Agent7"),
        ("API_TOKEN", "7f3k9d2x"),
        ("SECRET_KEY_BASE", "0123456789abcdef0123456789abcdef"),
        ("PIN", "493021"),
        ("HOST", "Zq55secretvalue1"),
        ("USER", "v-root-my-role-x8fj3k2m9d0s"),
        ("whatever", "Zq55-value"),
        ("WORD", "open-sesame-42"),
        ("whatever", "two words of which nobody knows what they are"),
        ("SLACK", "https://hooks.slack.com/services/T000/B000/XXXX8f3k2m9dabcdefgh"),
        ("LICENSE", "AAAA-BBBB-CCCC-7777"),
        ("DATABASE_URL", "postgres://app:hunter2x@pg:5432/app"),
        ("MAIL_URL", "smtp://me@example.com:x7secretpw@mail:587"),
    ],
)
def test_what_is_no_setting_is_hidden(key: str, value: str) -> None:
    masked = Mask([secret(**{key: value})]).text(f"it is {value}, there")
    assert value not in masked
    assert "***" in masked


@pytest.mark.parametrize("value", ["postgres", "redis", "airflow", "production", "true", "admin", "5432"])
@pytest.mark.parametrize(
    "line",
    [
        "postgres://app:{}@pg:5432/app",
        "PGPASSWORD={} psql",
        "DB_PASSWORD: {}",
        '{{"password": "{}"}}',
        r"{{\"password\":\"{}\"}}",
        "postgres%3A%2F%2Fapp%3A{}%40pg",
        "ALTER ROLE app PASSWORD '{}'",
        "CREATE USER app IDENTIFIED BY '{}'",
        "mysql -p{} -u app",
        "redis-cli --pass {}",
        "the password is {}.",
    ],
)
def test_a_password_that_is_an_ordinary_word_is_hidden_where_the_text_says_that_it_is_one(
    value: str, line: str
) -> None:
    mask = Mask([secret(DB_PASSWORD=value), {"kind": "Deployment", "metadata": {"name": "airflow"}}])
    assert mask.text(line.format(value)) == line.format("***")


@pytest.mark.parametrize("value", ["postgres", "redis", "airflow", "production", "true", "admin", "5432"])
def test_a_password_that_is_an_ordinary_word_stays_where_it_may_be_anything_else(value: str) -> None:
    mask = Mask([secret(DB_PASSWORD=value), {"kind": "Deployment", "metadata": {"name": "airflow"}}])
    line = (
        f"Booting {value}: Deployment/{value}-scheduler, image {value}:16, {value}://pg:{value}/{value}, role '{value}'"
    )
    assert mask.text(line) == line


def test_what_stands_in_plain_as_a_word_is_no_secret() -> None:
    bodies = [secret(SOMETHING="wordplays", DB_PASSWORD="mastodon"), config(DB_NAME="mastodon", text="for wordplays")]
    assert Mask(bodies).text("mastodon likes wordplays") == "mastodon likes wordplays"


@pytest.mark.parametrize("password", ["correct-horse", "sunshine", "Battery"])
def test_a_password_that_somebody_has_written_into_a_command_is_a_secret(password: str) -> None:
    command = {"kind": "Job", "spec": {"command": ["sh", "-c", f"migrate with {password} and {password.lower()}"]}}
    assert Mask([secret(DB_PASSWORD=password), command]).text(f"migrate with {password}") == "migrate with ***"


def test_what_stands_in_plain_as_a_password_is_a_secret() -> None:
    plain = config(OTHER_PASSWORD="sunshine", url="postgres://u:sunshine@h", run="tool -psunshine")
    assert Mask([secret(DB_PASSWORD="sunshine"), plain]).text("sunshine") == "***"


def test_what_nobody_has_thought_of_is_a_secret_wherever_it_stands() -> None:
    plain = config(url="postgres://h/Zq55secretvalue1", text="correcthorsebatterystaple")
    bodies = [secret(a="Zq55secretvalue1", PASSWORD="correcthorsebatterystaple"), plain]
    assert Mask(bodies).text("Zq55secretvalue1 correcthorsebatterystaple") == "*** ***"


def test_a_name_is_not_masked_although_a_secret_is_a_part_of_it() -> None:
    mask = Mask([secret(DB_PASSWORD="hunter22"), {"kind": "Service", "metadata": {"name": "app-hunter22"}}])
    assert mask.text("Service/app-hunter22 waits; hunter22") == "Service/app-hunter22 waits; ***"


def test_a_short_word_is_masked_as_a_word_only() -> None:
    mask = Mask([secret(DB_PASSWORD="team")])
    assert mask.text("team, teamwork, -pteam, steam") == "***, teamwork, -p***, steam"


@pytest.mark.parametrize(
    ("key", "document", "hidden", "shown"),
    [
        ("conf.yaml", "db:\n  host: pg\n  password: Zq99-map-value\n", "Zq99-map-value", "host: pg"),
        ("conf.yaml", "{db: {host: pg, password: Zq99-map-value}}", "Zq99-map-value", "host: pg"),
        (
            "conf.json",
            '{"db": {"user": "app", "password": "Zq94-nested"}, "list": [{"token": "sunshine"}]}',
            "sunshine",
            "app",
        ),
        ("app.ini", "[db]\nuser = app\npassword = correct horse\n", "correct horse", "user = app"),
        (".env", "export DB_PASS='it is \\'quoted\\' 7'\nLOG_LEVEL=info\n", "it is \\'quoted\\' 7", "LOG_LEVEL=info"),
        (
            "app.properties",
            "spring.datasource.password=Zq1-properties\nspring.datasource.username=app",
            "Zq1-properties",
            "app",
        ),
        ("dsn", "host=pg user=app password=Zq2-dsn dbname=app", "Zq2-dsn", "dbname=app"),
        ("ado", "Server=pg;Database=app;User Id=app;Password=Zq3-ado;", "Zq3-ado", "Database=app"),
        ("url", "postgresql://app:Zq4%2Furl@pg:5432/app?sslmode=require", "Zq4/url", "sslmode=require"),
        ("url", "jdbc:postgresql://pg/app?user=app&password=Zq5-jdbc&ssl=true", "Zq5-jdbc", "user=app"),
        (
            "settings.xml",
            "<server>\n <username>app</username>\n <password>Zq6-xml</password>\n</server>",
            "Zq6-xml",
            "app",
        ),
        ("settings.py", "DEBUG = False\nSECRET_KEY = 'Zq7-python'\n", "Zq7-python", "DEBUG = False"),
        (".pgpass", "pg:5432:app:app:Zq8s3cr3t9pw\n*:*:*:other:word\n", "Zq8s3cr3t9pw", "5432:app"),
        (".npmrc", "//registry.example.com/:_authToken=Zq9-npm\n", "Zq9-npm", "registry.example.com"),
        (
            "config",
            b64encode(b'{"auths":{"r.example":{"password":"Zq10-base64"}}}').decode(),
            "Zq10-base64",
            "r.example",
        ),
        ("conf.yaml", "users:\n- app\npasswords:\n- Zq-item\n- 'Zq-quoted'\nlevel: info\n", "Zq-quoted", "app, info"),
        ("conf.yaml", "db:\n  password: |-\n    Zq7open\n  text: >\n    serves users\n", "Zq7open", "serves users"),
        ("conf.yaml", "db:\n  password: Zq of words # rotated\n", "Zq of words", "rotated"),
        ("ado", "Server=pg;Database=app;Password=Zq of words;Encrypt=true", "Zq of words", "Database=app"),
        ("dsn", "app:Zqword@tcp(mysql:3306)/app?parseTime=true", "Zqword", "tcp(mysql:3306)/app"),
        ("dsn", "app:Zqword@/app", "Zqword", "/app"),
        (
            "users",
            "admin:$apr1$x8fj3k2m$9d0s8f7g6h5j\nviewer:$2y$05$c4WoMPo3SXsafkva\n",
            "$2y$05$c4WoMPo3SXsafkva",
            "viewer:",
        ),
    ],
)
def test_what_is_in_a_document_is_judged_by_its_own_key(key: str, document: str, hidden: str, shown: str) -> None:
    mask = Mask([secret(**{key: document})])
    assert hidden not in mask.text(f"the tool says {hidden} to {shown}")
    assert shown in mask.text(f"the tool says {hidden} to {shown}")


@pytest.mark.parametrize("key", ["password", "auth"])
def test_the_parts_of_a_docker_configuration_are_secrets(key: str) -> None:
    auth = b64encode(b"robot:Zq98-docker-pw").decode()
    entry = {"password": '"username":"robot","password":"Zq98-docker-pw"', "auth": f'"auth":"{auth}"'}[key]
    mask = Mask([secret(**{".dockerconfigjson": f'{{"auths":{{"registry.example.com":{{{entry}}}}}}}'})])
    line = f"login of robot with Zq98-docker-pw ({auth}) to registry.example.com"
    assert "Zq98" not in mask.text(line)
    assert auth not in mask.text(line)
    assert "robot" in mask.text(line)
    assert "registry.example.com" in mask.text(line)


def test_a_script_in_a_secret_does_not_blacken_words_of_shells() -> None:
    script = (
        "#!/bin/sh\nset -eu\nif true; then\n  superset db upgrade\nelse\n  exit 0\nfi\nmysql -uroot -pS3cr3tPw9x app\n"
    )
    mask = Mask([secret(**{"gen_auth_file.sh": script})])
    line = "if true then exit 0 else set -eu; mysql app: done"
    assert mask.text(line) == line
    assert "S3cr3tPw9x" not in mask.text("denied: -pS3cr3tPw9x")


def load_application(name: str) -> Rendered:
    return render(load([str(APPLICATIONS / name)]), "rel", "default")


def make_mask(rendered: Rendered) -> Mask:
    bodies = [*(resource.body for resource in rendered.objects), *(migration.body for migration in rendered.migrations)]
    return Mask(bodies, [rendered.release, rendered.namespace])


def find_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from (key, *find_texts(child))
    elif isinstance(value, list):
        for child in value:
            yield from find_texts(child)


@pytest.mark.parametrize("name", sorted(path.name for path in APPLICATIONS.iterdir()))
def test_nothing_that_a_real_application_has_in_plain_is_masked(name: str) -> None:
    rendered = load_application(name)
    mask = make_mask(rendered)
    plain = [resource.body for resource in rendered.objects if resource.body["kind"] != "Secret"]
    bodies = [*plain, *(migration.body for migration in rendered.migrations)]
    texts = [text for body in bodies for text in (str(object_ref(body)), *find_texts(body))]
    assert len(texts) > 20
    assert [text for text in texts if mask.text(text) != text] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("chatwoot-env.yaml", '{"level":"info","message":"Booting production, redis: true"}'),
        (
            "chatwoot-env.yaml",
            'PG::ConnectionBad: connection to server at pg (10.0.0.1), port 5432 failed: role "postgres" is missing',
        ),
        ("chatwoot-env.yaml", "migrating chatwoot_production"),
        ("airflow-env.yaml", "airflow db upgrade: waits for Deployment/airflow-scheduler to be gone"),
        (
            "airflow.yaml",
            "INFO - Loaded executor: CeleryExecutor at airflow-pgbouncer.default.svc.cluster.local:6432",
        ),
        ("superset.yaml", "superset db upgrade on pg.example.com:5432 by superset, redis.example.com:6379"),
    ],
)
def test_lines_of_real_applications_stay_readable(name: str, line: str) -> None:
    assert make_mask(load_application(name)).text(line) == line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chatwoot-env.yaml", "x8Jq-real"),
        ("airflow.yaml", "change-me"),
        ("airflow-env.yaml", "s3cr3t-pw"),
        ("superset.yaml", "change-me-pw"),
    ],
)
def test_passwords_of_real_applications_are_masked(name: str, value: str) -> None:
    masked = make_mask(load_application(name)).text(f"postgres://app:{value}@pg and {value}.")
    assert re.findall(r"\*\*\*", masked) == ["***", "***"]
    assert value not in masked
