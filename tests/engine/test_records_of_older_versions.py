"""Records that released versions have written are read, and a release goes on from them."""

from pathlib import Path

import msgspec
import pytest

from ks_universal.plan.records import FORMAT, Outcome, Revision
from ks_universal.resources.objects import Rendered
from ks_universal.testing.memory import World
from support.releases import deploy

DATA = Path(__file__).parents[1] / "data" / "records"
FORMATS = sorted(folder.name for folder in DATA.iterdir())


@pytest.mark.parametrize("written", FORMATS)
def test_a_release_goes_on_from_a_record_of_an_older_version(written: str) -> None:
    revision = msgspec.json.decode((DATA / written / "revision.json").read_bytes(), type=Revision)
    rendered = msgspec.json.decode((DATA / written / "manifests.json").read_bytes(), type=Rendered)
    assert f"format-{revision.format}" == written
    world = World()
    world.revisions[revision.number] = revision
    following, _ = deploy(rendered, world)
    assert (following.number, following.outcome, following.format) == (2, Outcome.SUCCEEDED, FORMAT)
    assert following.objects == revision.objects
    assert deploy(rendered, world)[0].steps == ()
