"""When a Job runs: as hooks of Helm and Argo CD say it, and what of that this program can express."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from ks_universal.json_types import Json

_ARGO = {"PreSync": "pre-upgrade", "Sync": "pre-upgrade", "PostSync": "post-upgrade"}
"""What hooks of Argo CD are called by Helm."""
_ARGO_INSTALLS = {"PreSync": "pre-install", "Sync": "pre-install", "PostSync": "post-install"}

_COMMAND = re.compile(
    r"migrat(?!or\.lock)|\balembic\b.*\bupgrade\b|\bdb[:_\s-](?:prepare|schema|setup|upgrade|sync|init)\b"
    r"|\b(?:update|setup|upgrade|create)-(?:schema|database|keyspace)\b|\bschema[-_ ](?:load|setup|update|upgrade)\b"
    r"|\b(?:sentry|superset|zitadel|snuba)\s+(?:upgrade|init|setup|bootstrap|db\b)|\bliquibase\b.*\bupdate\b"
    r"|\b(?:goose|dbmate)\b.*\bup\b|\b(?:prisma|drizzle-kit)\b.*\b(?:push|deploy)\b|\bdatabase:update\b",
    re.IGNORECASE | re.DOTALL,
)
"""How commands of migration tools read."""
_NAME = re.compile(r"migrat|db-?(?:init|prepare|setup|upgrade)|schema", re.IGNORECASE)
"""How Jobs that run them are called."""

_WAITS = re.compile(
    r"k8s-wait-for|wait[-_]for|check-migrations|pg_isready|\bnc -z|\buntil\b|kubectl\s+(?:wait|rollout)"
)
"""How init containers read that only wait for something."""


class Hook(msgspec.Struct, frozen=True):
    """When a hook runs, as Helm names it; `weight` orders those of the same time."""

    events: frozenset[str]
    weight: int = 0

    @property
    def is_test(self) -> bool:
        """Whether it only runs when somebody tests the release."""
        return bool(self.events) and self.events <= {"test", "test-success", "test-failure"}

    @property
    def is_only_at_install(self) -> bool:
        """Whether it runs once in the life of a release."""
        return bool(self.events) and self.events <= {"pre-install", "post-install"}

    @property
    def is_only_after_upgrades(self) -> bool:
        """Whether it runs when the new version is there, and never at the first install."""
        return "post-upgrade" in self.events and not self.events & {"pre-install", "pre-upgrade", "post-install"}

    @property
    def is_of_deploys(self) -> bool:
        """Whether it runs in installs or upgrades at all."""
        return any(event.endswith(("-install", "-upgrade")) for event in self.events)

    def __str__(self) -> str:
        return ", ".join(sorted(self.events))


def read_hook(body: Json) -> Hook | None:
    """Read the hook that an object is; None for an ordinary object."""
    annotations = body["metadata"].get("annotations") or {}
    helm = _split(annotations.get("helm.sh/hook", ""))
    if helm:
        return Hook(frozenset(helm), _number(annotations.get("helm.sh/hook-weight", "")))
    argo = _split(annotations.get("argocd.argoproj.io/hook", ""))
    if argo and "Skip" not in argo:
        events = {names[name] for name in argo for names in (_ARGO, _ARGO_INSTALLS) if name in names}
        if argo == ["PostSync"]:
            events = {"post-upgrade"}
        return Hook(frozenset(events), _number(annotations.get("argocd.argoproj.io/sync-wave", "")))
    return None


def find_wave(body: Json) -> int:
    """Find the sync wave of Argo CD that an object is in."""
    return _number((body["metadata"].get("annotations") or {}).get("argocd.argoproj.io/sync-wave", ""))


def migrates(job: Json) -> bool:
    """Tell whether a Job runs migrations, by its commands."""
    pod = job["spec"]["template"]["spec"]
    return any(_COMMAND.search(_read_command(c)) for c in (*pod.get("initContainers", ()), *pod["containers"]))


def is_called_migration(job: Json) -> bool:
    """Tell whether a Job is called as those are that run migrations."""
    return _NAME.search(job["metadata"]["name"]) is not None


def choose_container(job: Json) -> Json:
    """Choose the container of a Job that runs the migration: the first whose command reads so, else the first."""
    containers: list[Json] = job["spec"]["template"]["spec"]["containers"]
    return next((c for c in containers if _COMMAND.search(_read_command(c))), containers[0])


def find_waiting(pod: Json) -> Iterator[Json]:
    """Find the init containers that only wait for something."""
    for container in pod.get("initContainers", ()):
        if _WAITS.search(f"{container.get('image', '')} {container['name']} {_read_command(container)}"):
            yield container


def waits_for_job(container: Json, jobs: Iterable[str]) -> str | None:
    """Find the Job, of those that become migrations, that an init container waits for."""
    words = set(re.split(r"[\s/=\"']+", _read_command(container)))
    return next((job for job in jobs if job in words and words & {"job", "jobs", "job.batch"}), None)


def _read_command(container: Json) -> str:
    return " ".join((*container.get("command", ()), *container.get("args", ())))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
