import pytest

from ks_universal.model.kubernetes import names


def test_jobs_are_named_as_the_guide_says() -> None:
    assert names.job_name("my-app", None) == "my-app-migrations"
    assert names.job_name("my-app", "schema") == "my-app-migrations-schema"
    assert names.undo_job_name("my-app", "schema", "drop") == "my-app-migrations-schema-undo-drop"


def test_long_job_names_are_cut_differ_and_stay_valid() -> None:
    first, second = names.job_name("a" * 60, "x"), names.job_name("a" * 60, "y")
    assert first != second
    assert first == names.job_name("a" * 60, "x")
    assert names.is_dns_label(first)
    assert len(first) == 63


@pytest.mark.parametrize("name", ["a", "a-1", "1a", "a" * 63])
def test_dns_labels(name: str) -> None:
    assert names.is_dns_label(name)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a.b", "a_b", "a" * 64, "ä", "a\n"])
def test_what_is_no_dns_label(name: str) -> None:
    assert not names.is_dns_label(name)


@pytest.mark.parametrize(("name", "valid"), [("http", True), ("80", False), ("a--b", False), ("a" * 16, False)])
def test_port_names(name: str, valid: bool) -> None:
    assert names.is_port_name(name) is valid


@pytest.mark.parametrize(
    ("key", "valid"), [("a", True), ("example.com/A_b", True), ("/a", False), ("A/b", False), ("a/b/c", False)]
)
def test_keys_of_labels(key: str, valid: bool) -> None:
    assert names.is_qualified_name(key) is valid


@pytest.mark.parametrize("amount", ["1", "100m", "0.5", "1e3", "256Mi", ".5", "-1"])
def test_quantities(amount: str) -> None:
    assert names.is_quantity(amount)


@pytest.mark.parametrize("amount", ["", "lots", "1 Gi", "1KB", "0x10", "1_000"])
def test_what_is_no_quantity(amount: str) -> None:
    assert not names.is_quantity(amount)
