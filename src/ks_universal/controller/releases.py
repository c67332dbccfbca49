"""The kind `Release`: what its spec may say, and the names by which the controller knows it."""

from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.digests import digest_json
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.metadata_keys import GROUP
from ks_universal.model.kubernetes.durations import parse_duration
from ks_universal.plan.selection import MigratePolicy
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.kinds import Kind

RELEASE = Kind(f"{GROUP}/v1alpha1", "Release", "releases")

DEFAULT_INTERVAL_S = 600.0


class OnChange(StrEnum):
    """What becomes of a run when its Release changes meanwhile."""

    WAIT = "wait"
    STOP = "stop"


class DriftMode(StrEnum):
    """What is done about objects that somebody else has changed."""

    REPORT = "report"
    REPAIR = "repair"
    IGNORE = "ignore"


class Key(NamedTuple):
    """Which Release."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ValuesReference(msgspec.Struct, frozen=True):
    """An entry of an object that holds values."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    key: str = "values.yaml"
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.kind}/{self.name} ({self.key})"


class Drift(msgspec.Struct, frozen=True):
    """What is done about drift."""

    mode: DriftMode = DriftMode.REPORT


class ReleaseSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a Release asks for. Durations are texts, as in values."""

    values: Json = {}
    values_from: tuple[ValuesReference, ...] = ()
    service_account_name: str = ""
    suspend: bool = False
    timeout: str | int | None = None
    interval: str | int | None = None
    migrate: MigratePolicy = MigratePolicy.AUTO
    on_change: OnChange = OnChange.WAIT
    drift: Drift = Drift()
    delete_data: bool = False

    def __repr__(self) -> str:
        """Show no values: they may hold secrets."""
        return f"ReleaseSpec(service_account_name={self.service_account_name!r}, suspend={self.suspend})"

    @property
    def timeout_s(self) -> float | None:
        """How long a run may take; None: as long as it does."""
        return None if self.timeout is None else parse_duration(str(self.timeout))

    @property
    def interval_s(self) -> float:
        """How often is looked whether something has changed."""
        given = None if self.interval is None else parse_duration(str(self.interval))
        return given or DEFAULT_INTERVAL_S


def key_of(body: Json) -> Key:
    """Say which Release an object is."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def ref_of(body: Json) -> ObjectRef:
    """Give the identity of a Release among other objects."""
    return ObjectRef(RELEASE.kind, *key_of(body))


def read_spec(body: Json) -> ReleaseSpec:
    """Read what a Release asks for. Raises InputError where it cannot be read."""
    spec = body.get("spec") or {}
    try:
        parsed = msgspec.convert(spec, ReleaseSpec)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise InputError([_refuse(f"spec{path.rstrip('`')}: {what[:1].lower()}{what[1:]}")]) from None
    wrong = [name for name in ("timeout", "interval") if not _is_duration(getattr(parsed, name))]
    if wrong:
        raise InputError(
            [_refuse(f"spec.{name} is no duration; write 300 (seconds), 90s, 10m or 1h30m") for name in wrong]
        )
    return parsed


def digest_spec(body: Json) -> str:
    """Digest what a Release asks for, but for whether it is suspended."""
    return digest_json({name: value for name, value in (body.get("spec") or {}).items() if name != "suspend"}, 16)


def read_spec_to_delete(body: Json) -> ReleaseSpec:
    """Read of a spec what its removal needs; what cannot be read holds nothing up."""
    spec = body.get("spec") or {}
    known = {name: spec[name] for name in ("serviceAccountName", "suspend", "timeout", "deleteData") if name in spec}
    try:
        return read_spec({"spec": known})
    except InputError:
        account = spec.get("serviceAccountName")
        return ReleaseSpec(service_account_name=account if isinstance(account, str) else "")


def _is_duration(given: str | int | None) -> bool:
    return given is None or parse_duration(str(given)) is not None


def _refuse(message: str) -> Problem:
    return Problem("release/invalid-spec", message, hint="kubectl explain release.spec")
