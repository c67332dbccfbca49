import pytest

from ks_universal.model.format.containers import Container
from ks_universal.model.format.images import has_tag, image_reference, is_image, migration_image
from ks_universal.model.format.migrations import Step


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


def test_a_migration_with_an_image_of_its_own_does_not_take_the_tag_of_the_application() -> None:
    container = Container(image="app", image_tag="1")
    assert migration_image(container, Step()) == ("app", "1")
    assert migration_image(container, Step(image_tag="2")) == ("app", "2")
    assert migration_image(container, Step(image="flyway:10")) == ("flyway:10", None)
