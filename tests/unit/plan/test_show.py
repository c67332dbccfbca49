import msgspec

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.build import build_plan
from ks_universal.plan.records import State
from ks_universal.plan.show import show_plan
from ks_universal.plan.steps import Plan, Skipped
from support.releases import app, release, secret

ENCODED = "Y29ycmVjdC1ob3JzZQ=="


def build(password: str = "correct-horse") -> Plan:
    return build_plan(release({"db": secret(PASSWORD=password)}, web=app("one", secrets=["db"])), State())


def test_the_lines_say_what_is_done_why_and_after_what() -> None:
    assert list(show_plan(build())) == [
        "demo, revision 1: 3 steps",
        "  1. migrate web/migrations/one: first deploy (reads 1 staged copy of its configuration)",
        "  2. apply Secret/db  [after 1]",
        "  3. roll out web/rollout  [after 1, 2]",
    ]


def test_the_lines_say_what_is_skipped_and_why() -> None:
    plan = msgspec.structs.replace(build(), skipped=(Skipped("web", "two", Phase.PRE, "nothing changed"),))
    assert list(show_plan(plan))[-1] == "  skipped: web/migrations/two: nothing changed"


def test_no_leaks_neither_lines_nor_repr_hold_a_secret() -> None:
    text = "\n".join(show_plan(build())) + repr(build())
    assert "'PASSWORD': '***'" in text
    assert ENCODED not in text
    assert "correct-horse" not in text
