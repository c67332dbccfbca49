"""The version is said in one place; whatever else names it says the same."""

import re
import tomllib
from pathlib import Path

import pytest

from ks_universal import __version__

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_package_takes_it_from_the_source() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert __version__ in (ROOT / PROJECT["tool"]["hatch"]["version"]["path"]).read_text()


def test_the_newest_entry_of_the_changelog_is_of_it() -> None:
    text = (ROOT / PROJECT["tool"]["towncrier"]["filename"]).read_text()
    assert (
        re.findall(r"^## (\S+)", text.partition("<!-- towncrier release notes start -->")[2], re.MULTILINE)[0]
        == __version__
    )


@pytest.mark.parametrize("file", ["Dockerfile", "docs/controller.md"])
def test_images_are_named_by_it(file: str) -> None:
    assert set(re.findall(r"ks-universal:(\d[\w.]*)", (ROOT / file).read_text())) == {__version__}


@pytest.mark.parametrize("file", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_what_a_page_of_the_project_links_to_is_there(file: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", (ROOT / file).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_each_change_has_a_name_that_the_changelog_takes() -> None:
    """A file of another name is left out of the next entry, without a word."""
    types = {each["directory"] for each in PROJECT["tool"]["towncrier"]["type"]}
    names = [path.name for path in (ROOT / PROJECT["tool"]["towncrier"]["directory"]).iterdir()]
    pattern = re.compile(rf"\+?[\w-]+\.({'|'.join(types)})\.md|\.gitignore|README\.md")
    assert [name for name in names if not pattern.fullmatch(name)] == []
