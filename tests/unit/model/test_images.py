import pytest

from ks_universal.model.format.images import has_tag, image_reference, is_image, split_image


def test_a_reference_is_image_and_tag() -> None:
    assert image_reference("my-app", "1.10") == "my-app:1.10"
    assert image_reference("alpine", None) == "alpine"


@pytest.mark.parametrize(
    ("image", "tagged"), [("a", False), ("a:1", True), ("host:5000/a", False), ("a@sha256:" + "0" * 64, True)]
)
def test_a_port_of_the_registry_is_no_tag(image: str, tagged: bool) -> None:
    assert has_tag(image) is tagged
    assert is_image(image)


@pytest.mark.parametrize("image", ["", "/app", "My-App", "a b", "a:", "http://a/b"])
def test_what_is_no_image(image: str) -> None:
    assert not is_image(image)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("a", ("a", "", "")),
        ("host:5000/b/a", ("host:5000/b/a", "", "")),
        ("host:5000/b/a:1@sha256:00", ("host:5000/b/a", "1", "sha256:00")),
    ],
)
def test_a_reference_is_split(image: str, parts: tuple[str, str, str]) -> None:
    assert split_image(image) == parts
