"""Builds images as `local.build` says, by the engine's own `build`."""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from ks_universal.diagnostics import Problem, Severity
from ks_universal.model.format.local import LocalBuild
from ks_universal.targets.containers.client import Client

_LAST_LINES = 5
_IGNORING = frozenset((".*", "**", "*"))


async def build_image(
    client: Client, image: str, build: LocalBuild, directory: Path, on_line: Callable[[str], None]
) -> str | Problem:
    """Build an image and give its id (`sha256:...`), or why it cannot be built; `on_line` hears the build's output."""
    context = find_context(build, directory)
    if not context.is_dir():
        return Problem("local/build", f"image {image} cannot be built: {context} is no folder", hint=_see(image))
    last: deque[str] = deque(maxlen=_LAST_LINES)

    def take(line: str) -> None:
        on_line(line)
        if line.strip():
            last.append(line.strip())

    with tempfile.TemporaryDirectory(prefix="ks-universal-") as folder:
        file = Path(folder) / "id"
        options = (f"--tag={image}", f"--iidfile={file}", *_list_options(build, context))
        status = await client.run("build", *options, str(context), on_line=take)
        if status == 0:
            return "sha256:" + file.read_text().strip().removeprefix("sha256:")
    said = " | ".join(last) or f"the engine ended with exit code {status}"
    return Problem("local/build", f"image {image} cannot be built: {said}", hint=_see(image))


def find_context(build: LocalBuild, directory: Path) -> Path:
    """Find the folder that an image is built from."""
    return (directory / Path(build.context).expanduser()).resolve()


def _list_options(build: LocalBuild, context: Path) -> Iterator[str]:
    if build.dockerfile is not None:
        yield f"--file={context / build.dockerfile}"
    if build.target is not None:
        yield f"--target={build.target}"
    yield from (f"--build-arg={name}={value}" for name, value in build.args.items())


def _see(image: str) -> str:
    return f"correct its Dockerfile, or what `local.build` says of '{image}'"


def find_context_problem(image: str, build: LocalBuild, directory: Path, state: Path) -> Problem | None:
    """Warn of a context that the state of releases is in: it would be in the image, and be another with each run."""
    context, folder = find_context(build, directory), state.resolve().parent
    if not folder.is_relative_to(context):
        return None
    files = (context / f"{build.dockerfile or 'Dockerfile'}.dockerignore", context / ".dockerignore")
    text = next((file.read_text(errors="replace") for file in files if file.is_file()), "")
    parts = {part for line in text.splitlines() if not line.startswith("#") for part in line.strip().split("/")}
    if folder.name in parts or parts & _IGNORING:
        return None
    message = f"image {image} is built from {context}, where the state of releases is: {folder}"
    hint = f"add '{folder.name}' to {context / '.dockerignore'}"
    return Problem("local/build-context", message, hint=hint, severity=Severity.WARNING)
