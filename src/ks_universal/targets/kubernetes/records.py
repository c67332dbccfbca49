"""The record of a release's runs: Secrets of a type of their own, and ConfigMaps for those who only read.

Secret     ks-universal.shop.v7            the run (Revision), gzipped JSON; the first part where it is long
Secret     ks-universal.shop.v7.<digest>.1 further parts
Secret     ks-universal.shop.v7.manifests  the objects and migrations of the revision, for a rollback
ConfigMap  ks-universal.shop.v7            the same run as plain JSON; it contains no Secret's value
"""

import asyncio
import base64
import gzip
import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from ks_universal.plan.records import Outcome, Revision, StepRecord
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.client import Client
from ks_universal.targets.kubernetes.kinds import CONFIG_MAP, SECRET
from ks_universal.targets.kubernetes.refusals import Refusal

Json = dict[str, Any]

TYPE = "ks-universal.io/revision"
PART_BYTES = 900 * 1024
"""What a Secret may hold is 1 MiB in all."""

_RELEASE, _REVISION, _CONTENT = "ks-universal.io/release", "ks-universal.io/revision", "ks-universal.io/content"
_PARTS, _DIGEST = "ks-universal.io/parts", "ks-universal.io/digest"


class Records:
    """The records of one release; keeps the last `history_max` revisions and the last that succeeded."""

    def __init__(self, client: Client, release: str, *, history_max: int) -> None:
        self._client = client
        self._release = release
        self._history_max = history_max
        self._writing = asyncio.Lock()
        self._pending: Revision | None = None
        self._shown: tuple[int, tuple[Outcome, ...]] | None = None
        self._begun: int | None = None

    async def read(self) -> tuple[Revision, ...]:
        """Read all revisions, oldest first. A role that may not read Secrets reads the ConfigMaps."""
        try:
            listing = await self._client.list(SECRET, labels=self._selector("record"), fields=f"type={TYPE}")
        except Refusal as refusal:
            if refusal.code != 403:
                raise
            return await self._read_shown()
        payloads = _join(listing.items)
        revisions = (msgspec.json.decode(gzip.decompress(payload), type=Revision) for payload in payloads.values())
        return tuple(sorted(revisions, key=lambda revision: revision.number))

    async def read_manifests(self, number: int) -> Rendered | None:
        """Read what a revision was made of; None where its record is gone."""
        selector = f"{self._selector('manifests')},{_REVISION}={number}"
        listing = await self._client.list(SECRET, labels=selector, fields=f"type={TYPE}")
        for payload in _join(listing.items).values():
            return msgspec.json.decode(gzip.decompress(payload), type=Rendered)
        return None

    async def save(self, revision: Revision, rendered: Rendered | None) -> None:
        """Write a revision; of several that wait to be written only the last is, for it says all that they say."""
        self._pending = revision
        async with self._writing:
            latest, self._pending = self._pending, None
            if latest is None:
                return
            if self._begun != latest.number:
                await self._begin(latest.number, rendered)
            if latest.outcome is not Outcome.RUNNING:
                # First what readers see: a run that is killed in between is continued, which writes both again.
                await self._show(latest)
            await self._write(latest.number, "record", msgspec.json.encode(latest))
            await self._show(latest)

    async def remove_all(self) -> None:
        """Remove all records of the release."""
        for kind in (SECRET, CONFIG_MAP):
            listing = await self._client.list(kind, labels=f"{_RELEASE}={self._release}")
            for item in listing.items:
                await self._client.delete(kind, item["metadata"]["name"])

    async def _begin(self, number: int, rendered: Rendered | None) -> None:
        """Make place for a new revision, and keep what it is made of."""
        if rendered is not None:
            await self._write(number, "manifests", msgspec.json.encode(rendered))
        await self._prune(number)
        self._begun = number

    async def _write(self, number: int, content: str, payload: bytes) -> None:
        """Write a payload: its further parts first, so that the first never tells of parts that are not there."""
        packed = gzip.compress(payload, 6, mtime=0)
        digest = hashlib.sha256(packed).hexdigest()[:12]
        parts = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
        head = self._name(number) if content == "record" else f"{self._name(number)}.{content}"
        for index in reversed(range(len(parts))):
            name = head if index == 0 else f"{head}.{digest}.{index}"
            annotations = {_PARTS: str(len(parts)), _DIGEST: digest}
            metadata = {"name": name, "labels": self._labels(number, content), "annotations": annotations}
            data = {f"part{index}": base64.b64encode(parts[index]).decode()}
            body = {"apiVersion": "v1", "kind": "Secret", "type": TYPE, "metadata": metadata, "data": data}
            await self._client.apply(SECRET, body, force=True)

    async def _show(self, revision: Revision) -> None:
        """Write the ConfigMap: when the run begins, a migration begins or ends, and the run's outcome is known."""
        outcomes = (revision.number, (revision.outcome, *(step.outcome for step in revision.steps)))
        if self._shown == outcomes:
            return
        self._shown = outcomes
        metadata = {"name": self._name(revision.number), "labels": self._labels(revision.number, "outcome")}
        data = {"revision.json": write_shown(revision)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        await self._client.apply(CONFIG_MAP, body, force=True)

    async def _read_shown(self) -> tuple[Revision, ...]:
        listing = await self._client.list(CONFIG_MAP, labels=self._selector("outcome"))
        texts = (item["data"]["revision.json"] for item in listing.items)
        return tuple(
            sorted((msgspec.json.decode(t, type=Revision) for t in texts), key=lambda revision: revision.number)
        )

    async def _prune(self, number: int) -> None:
        """Remove the revisions that are too many, parts that belong to none included."""
        revisions = await self.read()
        kept = (
            {revision.number for revision in revisions[-(self._history_max - 1) :]} if self._history_max > 1 else set()
        )
        succeeded = [revision for revision in revisions if revision.outcome is Outcome.SUCCEEDED]
        versions = [revision for revision in succeeded if not revision.only_migrates]
        kept.update(revision.number for revision in (*succeeded[-1:], *versions[-1:]))
        await self._remove({revision.number for revision in revisions} - kept - {number})

    async def _remove(self, numbers: Iterable[int]) -> None:
        wanted = ",".join(str(number) for number in sorted(numbers))
        if not wanted:
            return
        for kind in (SECRET, CONFIG_MAP):
            listing = await self._client.list(kind, labels=f"{_RELEASE}={self._release},{_REVISION} in ({wanted})")
            for item in listing.items:
                await self._client.delete(kind, item["metadata"]["name"])

    def _name(self, number: int) -> str:
        return f"ks-universal.{self._release}.v{number}"

    def _selector(self, content: str) -> str:
        return f"{_RELEASE}={self._release},{_CONTENT}={content}"

    def _labels(self, number: int, content: str) -> dict[str, str]:
        return {_RELEASE: self._release, _REVISION: str(number), _CONTENT: content}


def write_shown(revision: Revision) -> str:
    """Write a revision as JSON for people.

    Where a ConfigMap could not hold it, the applications' fingerprints are left out, and then the logs.
    """
    brief = msgspec.structs.replace(revision, planned=dict.fromkeys(revision.planned, ""), digests={})
    bare = msgspec.structs.replace(brief, steps=tuple(map(_without_logs, revision.steps)))
    texts = (msgspec.json.format(msgspec.json.encode(each)) for each in (revision, brief))
    return next((text for text in texts if len(text) <= PART_BYTES), msgspec.json.encode(bare)).decode()


def _without_logs(step: StepRecord) -> StepRecord:
    attempts = tuple(msgspec.structs.replace(attempt, log_tail=(), excerpt=()) for attempt in step.attempts)
    return msgspec.structs.replace(step, attempts=attempts)


def _join(secrets: list[Json]) -> dict[str, bytes]:
    """Put the parts of each payload together, by the name of its first part; leaves out what is not complete."""
    by_digest: dict[str, dict[int, bytes]] = {}
    heads: dict[str, tuple[str, int]] = {}
    for secret in secrets:
        annotations = secret["metadata"]["annotations"]
        key, text = next(iter(secret["data"].items()))
        index = int(key.removeprefix("part"))
        by_digest.setdefault(annotations[_DIGEST], {})[index] = base64.b64decode(text)
        if index == 0:
            heads[secret["metadata"]["name"]] = annotations[_DIGEST], int(annotations[_PARTS])
    return {
        name: b"".join(by_digest[digest][index] for index in range(count))
        for name, (digest, count) in heads.items()
        if len(by_digest[digest]) == count
    }
