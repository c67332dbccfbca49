"""What a release in a cluster is worked on with: the API of its namespaces, its record, and who observes them."""

import asyncio
from collections.abc import Mapping

import msgspec

from ks_universal.errors import TargetError
from ks_universal.plan.records import JobRecord, JobState
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.migration.events import EventRecorder
from ks_universal.targets.kubernetes.migration.job_states import read_job_states
from ks_universal.targets.kubernetes.objects.ownership import Owner
from ks_universal.targets.kubernetes.observed.observer import Observer
from ks_universal.targets.kubernetes.preflight.unknown_kinds import describe_unknown
from ks_universal.targets.kubernetes.record.lease import Claim
from ks_universal.targets.kubernetes.record.records import Records


class ClusterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to deploy. `lease_s`: how long a lock outlives a holder that died; a whole number of seconds."""

    take_ownership: bool = False
    create_namespace: bool = False
    await_rollout: bool = True
    delete_data: bool = False
    history_max: int = 10
    lease_s: int = 15
    removal_s: int = 300
    """How long old pods and what is being deleted may take to be gone, once pods have had their time; as Helm waits."""
    claim: Claim | None = None
    """Who takes the lock; None: this process."""


class Cluster:
    """Shared by a target and its sessions: connections, and one observer for each namespace that has been looked at."""

    def __init__(self, client: Client, release: str, options: ClusterOptions) -> None:
        self.client = client
        self.release = release
        self.options = options
        self.owner = Owner(release, client.namespace)
        self.records = Records(client, release, history_max=options.history_max)
        self.recorder = EventRecorder(client)
        self.is_locked = False
        """Whether this process has the release's lock."""
        self._observers: dict[str, Observer] = {}

    def observe(self, client: Client, labels: str | None = None) -> Observer:
        """Give the one observer of the client's namespace; whoever asks first says by which labels it finds pods."""
        if client.namespace not in self._observers:
            self._observers[client.namespace] = Observer(client, self.release, labels)
        return self._observers[client.namespace]

    async def find_kind(self, kind: str, api_version: str) -> Kind:
        """Find a kind. Raises TargetError where the cluster does not have it."""
        found = await self.client.find_kind(kind, api_version)
        if found is None:
            raise TargetError(describe_unknown(api_version, kind, await self.client.find_kind(kind)))
        return found

    async def read_jobs(self, jobs: Mapping[ObjectRef, JobRecord], *, with_logs: bool) -> tuple[JobState, ...]:
        """Read how Jobs of the values are, in their order."""
        places: dict[str, dict[ObjectRef, JobRecord]] = {}
        for ref, record in jobs.items():
            places.setdefault(ref.namespace or self.client.namespace, {})[ref] = record
        looks = [
            read_job_states(self.client.within(place), self.release, there, with_logs=with_logs)
            for place, there in places.items()
        ]
        found = {state.identity: state for states in await asyncio.gather(*looks) for state in states}
        return tuple(found[ref] for ref in jobs)

    async def close(self) -> None:
        """Stop watching and close the connections; everything in the cluster runs on."""
        await self.recorder.close()
        for observer in self._observers.values():
            await observer.stop()
        await self.client.close()
