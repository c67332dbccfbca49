"""The record of a release's runs: Secrets of a type of their own, and ConfigMaps for those who only read.

Secret     ks-universal.shop.v7            the run (Revision), gzipped JSON; the first part where it is long
Secret     ks-universal.shop.v7.<digest>.1 further parts
Secret     ks-universal.shop.v7.manifests  the objects and migrations of the revision, for a rollback
ConfigMap  ks-universal.shop.v7            the same run as plain JSON; it contains no Secret's value
"""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.errors import TargetError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import CONTENT, DIGEST, PARTS, RELEASE, REVISION
from ks_universal.plan.records import FORMAT, History, Outcome, Revision, StepRecord, upgrade
from ks_universal.resources.objects import Rendered
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET, Kind
from ks_universal.targets.kubernetes.objects.own_objects import find_strangers, write_own

PART_BYTES = 900 * 1024
"""What a Secret may hold is 1 MiB in all."""
_LONGEST_BYTES = 256 << 20
"""Of a payload when it is unpacked."""


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
        self._read: History | None = None
        self._uids: dict[tuple[str, str], str] = {}
        self._own_name = re.compile(rf"ks-universal\.{re.escape(release)}\.v\d+(\.manifests)?(\.[0-9a-f]{{12}}\.\d+)?")

    async def read(self) -> History:
        """Read all revisions. A role that may not read Secrets reads the ConfigMaps.

        What cannot be read is left out, and is among the problems: a warning where the ConfigMap has stood in for it.
        """
        self._read = await self._read_all()
        return self._read

    async def _read_all(self) -> History:
        try:
            secrets = await self._list(SECRET, self._selector("record"))
        except ApiError as error:
            if error.code != 403:
                raise
            return await self._read_shown()
        names = [item["metadata"]["name"] for item in secrets if _is_head(item)]
        payloads = _join(secrets)
        found = [await self._read_one(name, payloads.get(name)) for name in names]
        return _sort_out(found)

    async def read_manifests(self, number: int) -> Rendered | None:
        """Read what a revision was made of; None where its record is gone."""
        selector = f"{self._selector('manifests')},{REVISION}={number}"
        for name, payload in _join(await self._list(SECRET, selector)).items():
            try:
                return _decode(_unpack(payload), Rendered)
            except _Unreadable as error:
                raise TargetError(_describe(f"Secret/{name}", error)) from None
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

    async def find_strangers(self, number: int) -> list[Problem]:
        """Find the objects of others that have the names of those that a revision is kept in."""
        heads = {"record": "Secret", "manifests": "Secret", "outcome": "ConfigMap"}
        return await find_strangers(
            self._client,
            ({"kind": kind, "metadata": self._build_metadata(number, content)} for content, kind in heads.items()),
        )

    async def remove_all(self) -> None:
        """Remove all records of the release."""
        await self._delete(f"{RELEASE}={self._release}")

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
        for index in reversed(range(len(parts))):
            part = "" if index == 0 else f".{digest}.{index}"
            annotations = {PARTS: str(len(parts)), DIGEST: digest}
            metadata = {**self._build_metadata(number, content, part), "annotations": annotations}
            data = {f"part{index}": base64.b64encode(parts[index]).decode()}
            await self._put(
                {"apiVersion": "v1", "kind": "Secret", "type": REVISION, "metadata": metadata, "data": data}
            )

    async def _show(self, revision: Revision) -> None:
        """Write the ConfigMap: when the run begins, a migration begins or ends, and the run's outcome is known."""
        outcomes = (revision.number, (revision.outcome, *(step.outcome for step in revision.steps)))
        if self._shown == outcomes:
            return
        self._shown = outcomes
        metadata = self._build_metadata(revision.number, "outcome")
        data = {"revision.json": write_shown(revision)}
        await self._put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    async def _put(self, body: Json) -> None:
        key = body["kind"], body["metadata"]["name"]
        self._uids[key] = await write_own(self._client, body, self._uids.get(key))

    async def _read_shown(self) -> History:
        return _sort_out([_read_copy(item) for item in await self._list(CONFIG_MAP, self._selector("outcome"))])

    async def _read_one(self, name: str, payload: bytes | None) -> Revision | Problem | tuple[Revision, Problem]:
        """Read a revision; where its Secret is damaged, from its ConfigMap, with a warning."""
        try:
            return _decode_revision(_unpack(payload or b""))
        except _Unreadable as error:
            problem = _describe(f"Secret/{name}", error)
        copy = None
        with contextlib.suppress(TargetError):
            copy = await self._client.get(CONFIG_MAP, name)
        is_ours = copy is not None and (copy["metadata"].get("labels") or {}).get(RELEASE) == self._release
        told = _read_copy(copy) if copy is not None and is_ours else problem
        if isinstance(told, Problem):
            return problem
        message = f"{problem.message}; what ConfigMap/{name} says is taken instead"
        return told, msgspec.structs.replace(problem, message=message, hint=None, severity=Severity.WARNING)

    async def _prune(self, number: int) -> None:
        """Remove the revisions that are too many, parts that belong to none included.

        Where they were just read, under the lock of the run that begins, nobody has written any since.
        """
        known, self._read = self._read, None
        revisions = (known or await self._read_all()).revisions
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
        await self._delete(f"{RELEASE}={self._release},{REVISION} in ({wanted})")

    async def _delete(self, selector: str) -> None:
        for kind in (SECRET, CONFIG_MAP):
            for item in await self._list(kind, selector):
                await self._client.delete(kind, item["metadata"]["name"], uid=item["metadata"]["uid"])

    async def _list(self, kind: Kind, selector: str) -> list[Json]:
        """List what is of the record. Copies that somebody has made under other names have its labels, too."""
        fields = f"type={REVISION}" if kind is SECRET else None
        listing = await self._client.list(kind, labels=selector, fields=fields)
        return [item for item in listing.items if self._own_name.fullmatch(item["metadata"]["name"])]

    def _selector(self, content: str) -> str:
        return f"{RELEASE}={self._release},{CONTENT}={content}"

    def _build_metadata(self, number: int, content: str, part: str = "") -> Json:
        """Give the name and the labels of an object of the record."""
        of_content = ".manifests" if content == "manifests" else ""
        return {
            "name": f"ks-universal.{self._release}.v{number}{of_content}{part}",
            "labels": {RELEASE: self._release, REVISION: str(number), CONTENT: content},
        }


_SHOWN_NAME = re.compile(r"ks-universal\.(.+)\.v(\d+)")


async def list_latest(client: Client) -> History:
    """Read the latest run of each release in the client's namespace ("": in all), as the role `view` can."""
    listing = await client.list(CONFIG_MAP, labels=f"{RELEASE},{CONTENT}=outcome")
    latest: dict[tuple[str, str], tuple[int, Json]] = {}
    for item in listing.items:
        metadata = item["metadata"]
        named = _SHOWN_NAME.fullmatch(metadata["name"])
        if named is None or named[1] != metadata["labels"][RELEASE]:  # a copy that somebody has made
            continue
        key, number = (metadata["namespace"], named[1]), int(named[2])
        if key not in latest or number > latest[key][0]:
            latest[key] = number, item
    found = _sort_out(_read_copy(item) for _, item in latest.values())
    order = sorted(found.revisions, key=lambda revision: (revision.namespace, revision.release))
    return History(tuple(order), found.problems)


def write_shown(revision: Revision) -> str:
    """Write a revision as JSON for people.

    Where a ConfigMap could not hold it, the applications' fingerprints are left out, and then the logs.
    """
    brief = msgspec.structs.replace(revision, planned=dict.fromkeys(revision.planned, ""), digests={})
    bare = msgspec.structs.replace(brief, steps=tuple(map(_without_logs, revision.steps)))
    texts = (msgspec.json.format(msgspec.json.encode(each)) for each in (revision, brief))
    return next((text for text in texts if len(text) <= PART_BYTES), msgspec.json.encode(bare)).decode()


def _without_logs(step: StepRecord) -> StepRecord:
    attempts = tuple(
        msgspec.structs.replace(attempt, log_tail=(), excerpt=(), sidecar_tails={}) for attempt in step.attempts
    )
    return msgspec.structs.replace(step, attempts=attempts)


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """What a record holds cannot be read; the text says why, and quotes nothing of it."""


_T = TypeVar("_T")


def _is_head(secret: Json) -> bool:
    return not secret["metadata"]["name"].rpartition(".")[2].isdigit()


def _unpack(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(packed, _LONGEST_BYTES)
    except zlib.error:
        raise _Unreadable("it is damaged") from None
    if unpacker.unconsumed_tail:
        raise _Unreadable("it is longer than a record can be")
    if not unpacker.eof:
        raise _Unreadable("a part of it is missing")
    return content


def _decode(content: bytes | str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Unreadable("it is damaged") from None


class _Format(msgspec.Struct):
    format: int = 1


def _decode_revision(content: bytes | str) -> Revision:
    written = _decode(content, _Format).format
    if written > FORMAT:
        raise _Unreadable(f"a newer version of ks-universal has written it (format {written}, here {FORMAT})")
    return upgrade(_decode(content, Revision))


def _read_copy(config: Json) -> Revision | Problem:
    try:
        return _decode_revision((config.get("data") or {}).get("revision.json", ""))
    except _Unreadable as error:
        return _describe(f"ConfigMap/{config['metadata']['name']}", error)


def _describe(ref: str, error: _Unreadable) -> Problem:
    hint = (
        "use the newer version" if "newer" in str(error) else "restore it, or delete it to go on without this revision"
    )
    return Problem("record/unreadable", f"{ref}, a part of the release's record, cannot be read: {error}", hint=hint)


def _join(secrets: list[Json]) -> dict[str, bytes]:
    """Put the parts of each payload together, by the name of its first part; leaves out what is not complete."""
    by_digest: dict[str, dict[int, bytes]] = {}
    heads: dict[str, tuple[str, int]] = {}
    for secret in secrets:
        for index, digest, count, part in _read_parts(secret):
            by_digest.setdefault(digest, {})[index] = part
            if index == 0:
                heads[secret["metadata"]["name"]] = digest, count
    return {
        name: b"".join(by_digest[digest][index] for index in range(count))
        for name, (digest, count) in heads.items()
        if by_digest[digest].keys() >= set(range(count))
    }


def _read_parts(secret: Json) -> Iterator[tuple[int, str, int, bytes]]:
    """Read the part that a Secret holds: its number, the digest of the whole, how many there are; none if damaged."""
    annotations: Mapping[str, str] = secret["metadata"].get("annotations") or {}
    for key, text in (secret.get("data") or {}).items():
        with contextlib.suppress(KeyError, ValueError):
            index, count = int(key.removeprefix("part")), int(annotations[PARTS])
            yield index, annotations[DIGEST], count, base64.b64decode(text)


def _sort_out(found: Iterable[Revision | Problem | tuple[Revision, Problem]]) -> History:
    pairs = [each if isinstance(each, tuple) else (each,) for each in found]
    parts = [part for pair in pairs for part in pair]
    revisions = sorted((part for part in parts if isinstance(part, Revision)), key=lambda revision: revision.number)
    return History(tuple(revisions), tuple(part for part in parts if isinstance(part, Problem)))
