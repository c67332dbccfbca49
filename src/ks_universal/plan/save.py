"""A plan as JSON: to be read, compared and kept; the values of Secrets are masked."""

from typing import Any

import msgspec

from ks_universal.plan.digest import digest
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut, Step
from ks_universal.resources.masking import mask_secrets


def save_plan(plan: Plan) -> bytes:
    """Write a plan as indented JSON: `{"digest": …, "plan": …}`.

    A masked plan cannot be run. The digest is that of the whole one, secrets included: whoever plans anew and gets the
    same digest runs what was shown.
    """
    masked = msgspec.structs.replace(plan, steps=tuple(map(_mask, plan.steps)))
    return msgspec.json.format(msgspec.json.encode({"digest": digest_plan(plan), "plan": masked}), indent=2)


def digest_plan(plan: Plan) -> str:
    """Give the digest of all that a plan does."""
    return digest(plan)


def _mask(step: Step) -> Step:
    changes: dict[str, Any] = {}
    if isinstance(step, Apply | RollOut):
        changes["body"] = mask_secrets(step.body)
    elif isinstance(step, Migrate):
        changes["staged"] = tuple(map(mask_secrets, step.staged))
    return msgspec.structs.replace(step, **changes)
