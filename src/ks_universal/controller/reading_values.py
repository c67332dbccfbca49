"""The values of a Release: what ConfigMaps and Secrets hold, in their order, and over all of it what its spec says."""

import base64
import binascii

import msgspec

from ks_universal.api.values import Values, check_for_run, leave_to_server, load
from ks_universal.controller.releases import Key, ReleaseSpec, ValuesReference
from ks_universal.diagnostics import Problem, has_errors
from ks_universal.digests import digest_json
from ks_universal.engine.masking import Mask
from ks_universal.errors import InputError, TargetError
from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, SECRET
from ks_universal.targets.kubernetes.api.wire import encode

_KINDS = {"ConfigMap": CONFIG_MAP, "Secret": SECRET}
_OWN = "spec.values"


class MissingValuesError(TargetError):
    """What `valuesFrom` names is not there yet."""


class Sources(msgspec.Struct, frozen=True):
    """The texts that a Release's values are made of, by what findings call them; `digest` stands for those of others.

    `secrets` are the Secrets among what was read.
    """

    texts: dict[str, str]
    digest: str
    secrets: tuple[Json, ...] = ()

    def __repr__(self) -> str:
        """Show no values."""
        return f"Sources({', '.join(self.texts)})"


async def read_sources(client: Client, spec: ReleaseSpec) -> Sources:
    """Read what `valuesFrom` names. Raises MissingValuesError where it is not there, or TargetError."""
    texts: dict[str, str] = {}
    secrets: list[Json] = []
    for reference in spec.values_from:
        found = await client.get(_KINDS[reference.kind], reference.name)
        text = None if found is None else _read_entry(found, reference)
        if text is None:
            if not reference.optional:
                raise MissingValuesError(_describe_missing(reference, client.namespace, is_there=found is not None))
            continue
        texts[str(reference)] = text
        if reference.kind == "Secret" and found is not None:
            secrets.append(found)
    digest = digest_json(texts, 16) if texts else ""
    return Sources({**texts, _OWN: encode(spec.values).decode()}, digest, tuple(secrets))


def load_sources(sources: Sources, key: Key) -> Values:
    """Make the values of a Release; takes a while. Raises InputError with all findings where there are errors."""
    values = load(tuple(sources.texts), texts=sources.texts, release=key.name, namespace=key.namespace)
    problems = values.problems if has_errors(values.problems) else check_for_run(values)
    if problems:
        mask = Mask(sources.secrets)
        raise InputError([_place(mask.problem(problem)) for problem in problems])
    return leave_to_server(values)


def _read_entry(body: Json, reference: ValuesReference) -> str | None:
    """Read an entry's text. Raises TargetError where it is none."""
    data = (body.get("data") or {}).get(reference.key)
    if data is None or reference.kind == "ConfigMap":
        return data
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise TargetError(Problem("values/unreadable", f"{reference} is not UTF-8 text")) from None


def _describe_missing(reference: ValuesReference, namespace: str, *, is_there: bool) -> Problem:
    what = f"{reference.kind}/{reference.name} in namespace {namespace} "
    what += f"has no entry {reference.key}" if is_there else "does not exist"
    hint = "it is looked for again; 'optional: true' goes on without it"
    return Problem("release/values-missing", f"spec.valuesFrom: {what}", hint=hint)


def _place(problem: Problem) -> Problem:
    """Leave out a place in the spec's own values: what is written in one line there nobody has written so."""
    own = problem.where is not None and problem.where.file == _OWN
    return msgspec.structs.replace(problem, where=None) if own else problem
