"""A rehearsal as a plan and the record keep it, and whether `migrations.policy` of the values lets migrations run."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.model.format.migrations import RehearsalPolicy

POLICY_CODES = frozenset(("rehearsal/required", "rehearsal/refused"))
"""What the policy has against a plan; it can be saved all the same, for others to look at."""
_MOST_SHOWN = 5
_MOST_KEPT = 40


class VerdictSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal has to say: `code` and `severity` are those of `migrations.policy.failOn`."""

    code: str
    severity: str
    table: str | None
    message: str
    advice: str = ""
    statement: str | None = None


class RehearsalSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A rehearsal: when it was `held`, on which server, the names of its runs, and its verdicts, the gravest first.

    `left_out` is how many more there were.
    """

    held: datetime
    server: str
    runs: tuple[str, ...]
    verdicts: tuple[VerdictSummary, ...]
    left_out: int = 0

    def shorten(self) -> "RehearsalSummary":
        """Give what the record keeps of it."""
        kept = self.verdicts[:_MOST_KEPT]
        verdicts = tuple(msgspec.structs.replace(each, advice="", statement=None) for each in kept)
        return msgspec.structs.replace(self, verdicts=verdicts, left_out=len(self.verdicts) - len(kept))


def check_policies(
    policies: Mapping[str, RehearsalPolicy], rehearsal: RehearsalSummary | None, release: str
) -> Iterator[Problem]:
    """Find what the policies of applications, by name, have against their migrations' running."""
    for name, policy in policies.items():
        if rehearsal is None:
            if policy.require_rehearsal:
                message = f"the migrations of {name} must be rehearsed first (migrations.policy.requireRehearsal)"
                hint = f"'ks-universal plan {release} --rehearse --out FILE', then 'deploy {release} --plan FILE'"
                yield Problem("rehearsal/required", message, hint=hint)
            continue
        refused = [each for each in rehearsal.verdicts if {each.code, each.severity}.intersection(policy.fail_on)]
        if refused:
            shown = "; ".join(f"{each.code}: {each.message}" for each in refused[:_MOST_SHOWN])
            more = f"; and {len(refused) - _MOST_SHOWN} more" if len(refused) > _MOST_SHOWN else ""
            message = f"the policy of {name} (migrations.policy.failOn) refuses what the rehearsal says: {shown}{more}"
            yield Problem("rehearsal/refused", message, hint=refused[0].advice)
