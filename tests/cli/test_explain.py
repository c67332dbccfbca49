"""`ks-universal explain`, as a shell sees it."""

from shell import Invoke


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
