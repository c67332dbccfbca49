"""How the structs of the format say what a key takes, beyond Python's own types.

In the structs, `str` means text as written, `int` and `bool` also take their texts (`"8"`, `"false"`), `X | None` a key
that may be left out, `X | tuple[Y, ...]` a scalar or a list; a struct that knows Kubernetes' fields at its place has a
field marked `Inline`.
What a key is for is in `descriptions.json`, beside the structs and not in them: `template` need not read it.
Annotations are read at run time: modules with structs don't use `from __future__ import annotations`.
"""

from typing import Annotated

import msgspec


class Kubernetes(msgspec.Struct, frozen=True):
    """The value is what Kubernetes calls `definition` (`ResourceRequirements`), as JSON, checked field by field."""

    definition: str


class Inline(msgspec.Struct, frozen=True):
    """Collects the keys beside our own that Kubernetes knows for `definition` at this place, as JSON, checked."""

    definition: str


class AsYaml(msgspec.Struct, frozen=True):
    """The value becomes text: a scalar as written, a list or map as YAML."""


class AlsoBool(msgspec.Struct, frozen=True):
    """`true` and `false` are taken as well as the texts, and mean these two of them."""

    true: str
    false: str


Text = Annotated[str, AsYaml()]
Labels = dict[str, str]
ChangedLabels = dict[str, str | None]
"""None takes an inherited one away."""


class Format(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of the format's structs: keys are camelCase, values are frozen."""
