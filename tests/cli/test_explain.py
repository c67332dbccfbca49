"""`ks-universal explain`, as a shell sees it."""

import pytest

from support.shell import Invoke


def test_a_key_is_shown_with_its_type_default_meaning_and_keys(ksu: Invoke) -> None:
    result = ksu("explain", "deployments.*.containers.*.ports")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("KEY:      deployments.*.containers.*.ports\nTYPE:     map from names to maps\n")
    assert "  containerPort   whole number, required\n      The port that the container listens on" in result.out
    assert "Also taken, as Kubernetes knows them here:\n  hostIP, hostPort\n" in result.out


def test_a_default_is_shown_as_it_would_be_written(ksu: Invoke) -> None:
    assert "DEFAULT:  needed\n" in ksu("explain", "deployments.*.restartOnConfigChange").out
    assert "DEFAULT:  false\n" in ksu("explain", "deployments.*.autoCreateService").out


def test_without_a_path_the_sections_are_listed(ksu: Invoke) -> None:
    lines = ksu("explain").out.splitlines()
    assert "  deployments   map from names to maps" in lines
    assert "  configs   map from names to maps" in lines


def test_recursive_shows_all_keys_below_in_their_order(ksu: Invoke) -> None:
    lines = ksu("explain", "deployments.*.migrations.rollback", "--recursive").out.splitlines()
    below = lines[lines.index("KEYS:") + 1 :]
    assert below[2:5] == ["  steps   list of maps", "    name   text, required", "    args   list of texts"]


def test_an_unknown_path_is_a_finding(ksu: Invoke) -> None:
    result = ksu("explain", "deployments.*.migration")
    assert (result.status, result.out) == (1, "")
    assert "did you mean 'deployments.*.migrations'?" in result.err


def test_a_finding_code_is_explained_with_what_each_tool_has_for_it(ksu: Invoke) -> None:
    result = ksu("explain", "migrations/locked")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("CODE:     migrations/locked\n\n  Another run of the migration tool got in the way.\n")
    assert "\nCAUSE:\n  Its lock is held by another run" in result.out
    assert "\nWHAT TO DO:\n  Make sure that no other migration runs" in result.out
    assert "  Liquibase: `liquibase release-locks`" in result.out


@pytest.mark.parametrize("pasted", ["error[kubernetes/image]:", "error[kubernetes/image]", "[kubernetes/image]"])
def test_a_code_may_be_pasted_as_a_finding_shows_it(ksu: Invoke, pasted: str) -> None:
    assert ksu("explain", pasted).out.startswith("CODE:     kubernetes/image\n")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("locked", "did you mean the code 'release/locked' or 'migrations/locked'?"),
        ("deployment", "did you mean 'deployments'?"),
        ("migrations.locked", "did you mean the code 'migrations/locked'?"),
        ("database/locked", "did you mean 'release/locked' or 'migrations/locked'?"),
        ("config/data", "did you mean the key 'configs'?"),
        ("foo/bar", "copy it from the brackets of a finding: error[area/kind]"),
    ],
)
def test_what_is_neither_key_nor_code_gets_near_ones_of_both(ksu: Invoke, word: str, hint: str) -> None:
    result = ksu("explain", word)
    assert (result.status, result.out) == (1, "")
    assert f"  hint: {hint}\n" in result.err


def test_a_key_with_a_slash_in_its_name_is_a_key(ksu: Invoke) -> None:
    assert "KEY:      deployments.*.podAnnotations.*\n" in ksu("explain", "deployments.a.podAnnotations.team/owner").out


def test_a_key_is_found_by_the_end_of_its_path_where_no_other_ends_so(ksu: Invoke) -> None:
    assert ksu("explain", "migrations.retry").out.startswith("KEY:      deployments.*.migrations.retry\n")
    assert "did you mean 'dexAuthenticator.enabled' or " in ksu("explain", "enabled").err
