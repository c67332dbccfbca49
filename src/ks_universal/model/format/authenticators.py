"""DexAuthenticators of Deckhouse: section 24 of the reference."""

from typing import Annotated

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.ingresses import Protection
from ks_universal.model.format.types import Format, Inline, Labels
from ks_universal.model.format.workloads import Certificate

DEFAULT_NAME = "ks-universal"


class Authenticator(Format, frozen=True, kw_only=True):
    """`generic.dexAuthenticatorGeneral` (off unless `enabled`), or `dexAuthenticators.NAME` (on unless it is false)."""

    enabled: bool | None = None
    name: str | None = None
    namespace: str | None = None
    auto_create_certificate: bool = False
    certificate: Certificate = Certificate()
    labels: Labels = {}
    annotations: Labels = {}
    kubernetes: Annotated[Json, Inline("DexAuthenticatorSpec")] = {}


class Chosen(msgspec.Struct, frozen=True):
    """The authenticator of an ingress; `known` if these values say anything of it."""

    name: str
    namespace: str
    known: bool


def default_name(override: str | None) -> str:
    """Give the name of the general authenticator: `nameOverride`, cut as the chart does it."""
    return (override or DEFAULT_NAME)[:63].rstrip("-")


def choose_authenticator(
    protection: Protection, general: Authenticator | None, others: dict[str, Authenticator], fallback: tuple[str, str]
) -> Chosen:
    """Choose who protects an ingress: whom it names, else the general authenticator, else the only other one.

    `fallback` are the name and the namespace of one that says neither.
    """
    name, namespace = fallback
    if protection.name is not None:
        named = others.get(protection.name)
        return Chosen(protection.name, protection.namespace or (named and named.namespace) or namespace, known=True)
    if general is not None:
        return Chosen(general.name or name, protection.namespace or general.namespace or namespace, known=True)
    if len(others) == 1:
        ((name, only),) = others.items()
        return Chosen(only.name or name, protection.namespace or only.namespace or namespace, known=True)
    return Chosen(name, protection.namespace or namespace, known=False)
