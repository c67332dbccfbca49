"""The whole input: every section, parsed, with what its entries inherit merged in."""

from typing import Annotated, Any

from ks_universal.model.local import Local
from ks_universal.model.sections import Claim, Config, Generic, SecretRef, Service
from ks_universal.model.types import Doc, Format
from ks_universal.model.workloads import Deployment


class Application(Format, frozen=True, kw_only=True):
    """All sections in the order written. `deploymentsGeneral` is not here: it is merged into the entries."""

    generic: Generic = Generic()
    deployments: dict[str, Deployment] = {}
    configs: dict[str, Config] = {}
    secret_refs: dict[str, tuple[SecretRef, ...]] = {}
    services: dict[str, Service] = {}
    persistent_volume_claims: dict[str, Claim] = {}
    name_override: str | None = None
    fullname_override: str | None = None
    global_: Annotated[Any, Doc("Anything: shared with a parent chart, not read.")] = None
    local: Local = Local()
