"""What a record keeps: which fingerprint holds after a run that did not do everything, and how much of a log."""

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import pytest

from ks_universal.engine.record import AppProgress, Progress, find_digest, shorten_log
from ks_universal.plan.records import Attempt

STEPS = frozenset(("web/migrations/schema", "web/rollout"))
NOTHING: frozenset[str] = frozenset()


def find(
    *,
    begun: AbstractSet[str] = NOTHING,
    succeeded: AbstractSet[str] = NOTHING,
    ended: bool = True,
    migrates: bool = True,
    same: bool = False,
    left_out: bool = False,
    steps: AbstractSet[str] = STEPS,
) -> str | None:
    app = AppProgress(planned="new", known="old", steps=steps, migrates=migrates, same=same, left_out=left_out)
    return find_digest(app, Progress(begun, succeeded, ended))


def test_after_all_steps_it_is_the_new_one_unless_migrations_were_skipped() -> None:
    assert find(begun=STEPS, succeeded=STEPS) == "new"
    assert find(begun=STEPS, succeeded=STEPS, left_out=True) is None


def test_the_known_one_is_given_up_before_migrations_begin_and_comes_back_where_none_did() -> None:
    assert find(ended=False) is None
    assert find(begun={"web/migrations/schema"}) is None
    assert find() == "old"


@pytest.mark.parametrize("ended", [False, True])
def test_without_migrations_in_the_plan_it_holds_until_something_begins(ended: bool) -> None:
    assert find(migrates=False, ended=ended) == "old"
    assert find(migrates=False, begun={"web/rollout"}, ended=ended) is None
    assert find(migrates=False, begun={"web/rollout"}, same=True, ended=ended) == "old"


def test_what_a_run_of_migrations_alone_does_not_begin_keeps_its_own() -> None:
    assert find(steps=NOTHING, left_out=True) == "old"


def test_long_lines_are_cut_in_each_part_of_a_log() -> None:
    now = datetime.now(UTC)
    attempt = Attempt(
        number=1,
        exit_code=1,
        started=now,
        duration_s=1.0,
        log_tail=("a" * 5_000,),
        excerpt=("b" * 5_000,),
        sidecar_tails={"proxy": ("c" * 5_000, "short")},
    )
    cut = shorten_log(attempt)
    assert cut.log_tail == ("a" * 2_000 + " …",)
    assert cut.excerpt == ("b" * 2_000 + " …",)
    assert cut.sidecar_tails == {"proxy": ("c" * 2_000 + " …", "short")}
