import pytest

from ks_universal.plan.fingerprints import fingerprint, name_changes
from ks_universal.plan.release import Release
from ks_universal.resources.objects import Rendered
from releases import app, config, release, render_values

CONFIGS = {"settings": config(A="1"), "unread": config(A="1")}
FIRST = release(CONFIGS, web=app("schema", configs=["settings"]))


def fingerprint_of(rendered: Rendered) -> str:
    index = Release(rendered)
    return fingerprint(index.members["web"], index)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (release(CONFIGS, web=app("schema", configs=["settings"], tag="2.0")), "image"),
        (release(CONFIGS | {"settings": config(A="2")}, web=app("schema", configs=["settings"])), "configuration"),
        (release(CONFIGS, web=app("schema", "data", configs=["settings"])), "migrations"),
        (release(CONFIGS, web=app("schema", configs=["settings"], replicas=3)), "definition"),
        (release(CONFIGS, web=app("schema", configs=["settings"], autoCreateService=True)), "definition"),
        (
            release(CONFIGS | {"settings": config(A="2")}, web=app("schema", configs=["settings"], tag="2.0")),
            "image and configuration",
        ),
    ],
)
def test_what_changed_is_named_and_nothing_else(changed: Rendered, name: str) -> None:
    assert name_changes(fingerprint_of(FIRST), fingerprint_of(changed)) == name


@pytest.mark.parametrize(
    "same",
    [
        release(CONFIGS, web=app("schema", configs=["settings"])),
        release(CONFIGS | {"unread": config(A="2")}, web=app("schema", configs=["settings"])),
        release(CONFIGS, web=app("schema", configs=["settings"]), other=app("schema")),
    ],
    ids=["equal values", "a config that it does not read", "another application"],
)
def test_what_is_no_part_of_an_application_does_not_change_it(same: Rendered) -> None:
    assert fingerprint_of(same) == fingerprint_of(FIRST)


def test_an_account_that_several_share_is_part_of_each() -> None:
    def share(annotation: str) -> Rendered:
        account = {"create": True, "name": "shared", "annotations": {"role": annotation}}
        web = app("schema", serviceAccount=account)
        return render_values({"deployments": {"web": web, "other": web}})

    assert name_changes(fingerprint_of(share("a")), fingerprint_of(share("b"))) == "definition"
