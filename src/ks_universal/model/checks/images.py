"""Images: references that a container runtime takes, and tags."""

from ks_universal.model.application import Application
from ks_universal.model.checks.places import each_container, each_settings
from ks_universal.model.checks.report import Report
from ks_universal.model.images import has_tag, is_image, is_tag
from ks_universal.values.nodes import Path


def check_images(application: Application, report: Report) -> None:
    """Check the images of all containers and migrations."""
    for place in each_container(application):
        container = place.container
        _check_image(report, place.path, container.image, container.image_tag)
        known = place.path[2] == "containers" and not report.is_broken((*place.path, "imageTag"))
        if known and not container.image_tag and not has_tag(container.image):
            clause = "names no tag or digest: Kubernetes will pull 'latest', whatever that is then"
            report.warn("images/no-tag", (*place.path, "image"), clause, "add imageTag")
    for settings in each_settings(application):
        _check_image(report, settings.path, settings.settings.image, settings.settings.image_tag)


def _check_image(report: Report, path: Path, image: str | None, tag: str | None) -> None:
    if image is not None and not is_image(image):
        hint = "such as my-app, registry.example.com/team/my-app or postgres:17"
        report.error("images/invalid", (*path, "image"), "is no image reference", hint)
    elif image is not None and tag and has_tag(image):
        clause = "is a second version: the image has a tag or digest itself"
        report.error("images/two-tags", (*path, "imageTag"), clause, "keep one of the two")
    if tag and not is_tag(tag):
        report.error(
            "images/invalid", (*path, "imageTag"), "is no image tag", "it takes letters, digits, '_', '-' and '.'"
        )
