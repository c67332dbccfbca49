"""From a path to the key that it names."""

import pytest

from ks_universal.errors import InputError
from ks_universal.model.reference.description import Choice, ListOf, MapOf, Plain
from ks_universal.model.reference.explain import find_key, name_kind


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("deployments", "deployments"),
        ("deployments.*.migrations.steps", "deployments.*.migrations.steps"),
        ("deployments.my-app.migrations.steps[0].args", "deployments.*.migrations.steps[].args"),
        ("deployments.my-app.migrations.steps.args", "deployments.*.migrations.steps[].args"),
        ("deployments.my-app.migrations.steps.*.args", "deployments.*.migrations.steps[].args"),
        ('configs["app.settings"].data', "configs.*.data"),
        ("secretRefs.database[0].name", "secretRefs.*[].name"),
        ("deployments.*.volumes[].emptyDir.sizeLimit", "deployments.*.volumes[].emptyDir.sizeLimit"),
        ("deploymentsGeneral.probes", "deploymentsGeneral.probes"),
        ("deployments.my-app.volumes.0.emptyDir", "deployments.*.volumes[].emptyDir"),
        ("global.database.host", "global.*"),
    ],
)
def test_a_path_may_be_one_of_the_format_or_one_of_a_file(path: str, found: str) -> None:
    assert find_key(path).path == found


def test_no_path_is_the_whole() -> None:
    assert find_key("").path == ""


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("deployment", "the top level has no key 'deployment'", "did you mean 'deployments'?"),
        (
            "deployments.a.migrations.step",
            "deployments.*.migrations has no key 'step'",
            "did you mean 'deployments.*.migrations.steps'?",
        ),
        (
            "deployments.a.replicas.x",
            "deployments.*.replicas has no key 'x'",
            "see 'ks-universal explain deployments.*.replicas'",
        ),
        ("xyzzy", "the top level has no key 'xyzzy'", "'ks-universal explain' lists the sections"),
    ],
)
def test_a_path_that_nothing_is_at_is_a_finding_with_the_nearest(path: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        find_key(path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message, problem.hint) == ("request/unknown-key", message, hint)


def test_what_a_place_takes_is_said_in_words() -> None:
    assert name_kind(ListOf(Plain("text"))) == "list of texts"
    assert name_kind(MapOf(ListOf(Plain("int32")))) == "map from names to lists of whole numbers"
    assert name_kind(Choice(("pre", "post"))) == "pre or post"
