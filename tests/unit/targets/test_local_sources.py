"""What counts as code that an image is made of."""

from pathlib import Path

from ks_universal.model.format.local import Local, LocalImage
from ks_universal.targets.local.sources import replace_watched
from support.releases import render_values

VALUES = {"deployments": {"web": {"containers": {"main": {"image": "web", "imageTag": "v1"}}}}}


def test_an_image_is_another_where_its_code_is_and_not_where_tools_and_editors_write(tmp_path: Path) -> None:
    rendered = render_values(VALUES)
    local = Local(images={"web": LocalImage(directory=".venv/shop", watch=("src", "settings~"))})
    shop = tmp_path / ".venv" / "shop"  # what is above does not count
    (shop / "src").mkdir(parents=True)

    def name_after_writing(file: str) -> str:
        path = shop / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
        bodies = replace_watched(rendered, local, tmp_path).bodies
        (deployment,) = (body for body in bodies if body["kind"] == "Deployment")
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    first = name_after_writing("settings~")  # named itself
    assert first.startswith("web:v1@sha256:")
    kept = ("node_modules/a.js", "__pycache__/a.py", "a.pyc", ".a.swp", "a~", ".#a", ".DS_Store", ".ks-universal/b/c")
    assert {name_after_writing(f"src/{file}") for file in kept} == {first}
    names = [name_after_writing(f"src/{file}") for file in ("a.py", "a.sql", ".env", "sub/a.py")]
    assert len({first, *names}) == 5
