"""A Job or CronJob of the values, run because somebody asks for it now: beside what runs, and not in the record."""

import secrets
from collections.abc import Mapping

import msgspec

from ks_universal.diagnostics import Problem, has_errors
from ks_universal.engine.events import AttemptEnded, Emit, Event
from ks_universal.engine.masking import Mask
from ks_universal.engine.target import MigrationFailed
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.plan.one_off_jobs import as_migration
from ks_universal.plan.steps import Apply
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.local.attempts import open_run
from ks_universal.targets.local.check import Builder, build_job
from ks_universal.targets.local.hosting import Host
from ks_universal.targets.local.jobs import JobRun
from ks_universal.targets.local.state import StateFolder

_KINDS = ("CronJob", "Job")
_LONGEST_NAME = 45
"""What is added tells one run from another, and a host name has 63 characters at most."""


class JobEnd(msgspec.Struct, frozen=True):
    """How a Job ended: the exit code of its last attempt, or 1 where it has none, and why it failed."""

    exit_status: int
    problems: tuple[Problem, ...] = ()


class JobOnRequest:
    """One run of a Job. It has a name of its own, so that several may run at once, as with `kubectl create job`."""

    def __init__(self, state: StateFolder, host: Host, name: str, namespace: str) -> None:
        """Take the release's folder, which has its objects, and what runs its containers. Raises InputError."""
        self._state = state
        self._host = host
        self._objects = state.read_objects()
        self._namespace = namespace
        body = _find(self._objects, name)
        spec = body["spec"]["jobTemplate"]["spec"] if body["kind"] == "CronJob" else body["spec"]
        metadata = body["metadata"] | {"name": f"{name[:_LONGEST_NAME]}-{secrets.token_hex(3)}"}
        self._step = Apply(id=name, application=None, body={"kind": "Job", "metadata": metadata, "spec": spec})

    async def run(self, build: Builder, emit: Emit, *, retry_delay_s: float) -> JobEnd:
        """Run it to its end, with its retries; who is cancelled has it stopped. Raises InputError."""
        mask = Mask((*self._objects.values(), *self._host.secrets()), [ref.name for ref in self._objects])
        pod, problems = build_job(self._step, self._objects, self._namespace, build)
        if has_errors(problems):
            raise InputError(mask.problems(problems))
        codes: list[int | None] = []

        def take(event: Event) -> None:
            if isinstance(event, AttemptEnded):
                codes.append(event.attempt.exit_code)
            emit(mask.event(event))

        job, migration = self._step.body["metadata"]["name"], as_migration(self._step.id, self._step.body)
        stop = self._host.stop_attempts
        folder, run = await open_run(self._state, job, step=self._step.id, digest="", stop=stop)
        try:
            await JobRun(migration, pod, folder, run, take).migrate(retry_delay_s=retry_delay_s)
        except MigrationFailed as failure:
            return JobEnd((codes[-1] if codes else None) or 1, mask.problems(failure.causes))
        finally:
            self._state.remove(f"attempts/{job}")
        return JobEnd(0)


def _find(objects: Mapping[ObjectRef, Json], name: str) -> Json:
    found = [body for ref, body in objects.items() if ref.kind in _KINDS and ref.name == name]
    if found:
        return found[0]
    known = ", ".join(sorted(ref.name for ref in objects if ref.kind in _KINDS))
    hint = f"there are: {known}" if known else "it has none"
    raise InputError([Problem("release/no-job", f"the release has no job or cron job {name}", hint=hint)])
