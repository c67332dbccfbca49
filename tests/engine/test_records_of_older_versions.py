"""Records that released versions have written are read, and a release goes on from them."""

from pathlib import Path

import msgspec
import pytest

from ks_universal.plan.records import FORMAT, Outcome, Revision, upgrade
from ks_universal.plan.undo import list_applied_since
from ks_universal.resources.objects import Rendered
from ks_universal.testing.world import World
from support.releases import deploy

DATA = Path(__file__).parents[1] / "data" / "records"
FORMATS = sorted(folder.name for folder in DATA.iterdir())


@pytest.mark.parametrize("written", FORMATS)
def test_a_release_goes_on_from_a_record_of_an_older_version(written: str) -> None:
    read = msgspec.json.decode((DATA / written / "revision.json").read_bytes(), type=Revision)
    revision = upgrade(read)
    rendered = msgspec.json.decode((DATA / written / "manifests.json").read_bytes(), type=Rendered)
    assert f"format-{read.format}" == written
    world = World()
    world.revisions[revision.number] = revision
    following, _ = deploy(rendered, world)
    assert (following.number, following.outcome, following.format) == (2, Outcome.SUCCEEDED, FORMAT)
    assert following.objects == revision.objects
    assert deploy(rendered, world)[0].steps == ()


def read_rolled_back() -> tuple[Revision, ...]:
    """Three versions, and a rollback to the first that failed in its fifth of six steps: of format 3."""
    content = (DATA / "format-3" / "rolled-back.json").read_bytes()
    return tuple(map(upgrade, msgspec.json.decode(content, type=tuple[Revision, ...])))


def test_what_a_step_did_is_known_from_an_older_record() -> None:
    *_, third, rollback = read_rolled_back()
    assert [(step.job, step.undoes) for step in third.steps] == [
        ("web-migrations-schema", None),
        ("web-migrations-data", None),
    ]
    assert [(step.job, step.undoes) for step in rollback.steps] == [
        (f"web-migrations-{job}", number)
        for number in (3, 2)
        for job in ("data-undo", "schema-undo-views", "schema-undo-tables")
    ]


def test_what_an_older_version_has_undone_is_not_undone_again() -> None:
    left = list_applied_since(read_rolled_back(), 1)
    assert [(one.revision, one.record.step, one.undo) for one in left] == [
        (
            2,
            "schema",
            {
                "web/undo/web-migrations-schema-undo-views/2": False,
                "web/undo/web-migrations-schema-undo-tables/2": False,
            },
        )
    ]


@pytest.mark.parametrize("id_", ["web/undo/", "web/undo/job/x", "web/undo/a/b/2"])
def test_an_id_that_no_version_wrote_is_no_undoing(id_: str) -> None:
    *_, rollback = read_rolled_back()
    step = msgspec.structs.replace(rollback.steps[0], id=id_, undoes=None)
    damaged = msgspec.structs.replace(rollback, format=3, steps=(step,))
    assert upgrade(damaged).steps[0].undoes is None
