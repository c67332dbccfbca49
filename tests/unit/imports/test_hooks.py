"""When Jobs of charts run, and which of them run migrations."""

from typing import Any

import pytest

from ks_universal.imports.hooks import Hook, find_waiting, migrates, read_hook, waits_for_job

Json = dict[str, Any]


def job(*command: str, **annotations: str) -> Json:
    notes = {key.replace("__", "/").replace("_", "-"): text for key, text in annotations.items()}
    pod = {"containers": [{"name": "main", "image": "app", "command": list(command)}]}
    return {"metadata": {"name": "job", "annotations": notes}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    "command",
    [
        ("alembic", "upgrade", "head"),
        ("python", "manage.py", "migrate", "--noinput"),
        ("bundle", "exec", "rails", "db:prepare"),
        ("bin/rails", "db:migrate"),
        ("airflow", "db", "upgrade"),
        ("superset", "db", "upgrade"),
        ("sentry", "upgrade", "--noinput"),
        ("snuba", "migrations", "migrate"),
        ("hydra", "migrate", "sql", "-e"),
        ("temporal-sql-tool", "update-schema", "-d", "schema"),
        ("zitadel", "setup"),
        ("npx", "prisma", "migrate", "deploy"),
        ("flyway", "migrate"),
        ("liquibase", "update"),
        ("goose", "up"),
        ("php", "artisan", "migrate"),
        ("sh", "-c", "sleep 1 && knex migrate:latest"),
        ("npx", "typeorm", "migration:run"),
    ],
)
def test_commands_of_migration_tools_are_known(command: tuple[str, ...]) -> None:
    assert migrates(job(*command))


@pytest.mark.parametrize(
    "command", [("tootctl", "accounts", "create"), ("sleep", "10"), ("airflow", "users", "create"), ("sh", "-c", "up")]
)
def test_other_commands_are_none(command: tuple[str, ...]) -> None:
    assert not migrates(job(*command))


def test_hooks_of_helm_and_argo_cd_are_read_alike() -> None:
    assert read_hook(job()) is None
    helm = read_hook(job(**{"helm.sh__hook": "pre-install, pre-upgrade", "helm.sh__hook_weight": "-5"}))
    assert helm == Hook(frozenset(("pre-install", "pre-upgrade")), -5)
    argo = read_hook(job(**{"argocd.argoproj.io__hook": "PreSync", "argocd.argoproj.io__sync_wave": "2"}))
    assert argo == Hook(frozenset(("pre-install", "pre-upgrade")), 2)
    after = read_hook(job(**{"argocd.argoproj.io__hook": "PostSync"}))
    assert after is not None
    assert after.is_only_after_upgrades
    assert read_hook(job(**{"helm.sh__hook": "pre-upgrade", "helm.sh__hook_weight": "heavy"})) == Hook(
        frozenset(("pre-upgrade",)), 0
    )


def test_what_a_hook_is_for_follows_from_its_events() -> None:
    assert Hook(frozenset(("test",))).is_test
    assert Hook(frozenset(("post-install",))).is_only_at_install
    assert not Hook(frozenset(("post-install", "post-upgrade"))).is_only_after_upgrades
    assert not Hook(frozenset(("pre-delete",))).is_of_deploys


def test_init_containers_that_wait_are_found_and_the_job_that_they_wait_for() -> None:
    waits = {"name": "a", "image": "groundnuty/k8s-wait-for:v2", "args": ["job", "my-migrate"]}
    kubectl = {
        "name": "b",
        "image": "k8s",
        "command": ["kubectl", "wait", "--for=condition=complete", "job/my-migrate"],
    }
    asks = {"name": "c", "image": "postgres", "command": ["sh", "-c", "until pg_isready; do sleep 1; done"]}
    works = {"name": "d", "image": "app", "command": ["cp", "-r", "/assets", "/shared"]}
    assert list(find_waiting({"initContainers": [waits, kubectl, asks, works]})) == [waits, kubectl, asks]
    found = [waits_for_job(container, ["other", "my-migrate"]) for container in (waits, kubectl, asks)]
    assert found == ["my-migrate", "my-migrate", None]
