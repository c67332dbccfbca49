"""What runs of a release now. The program that runs it writes it to a file, at each change, for other programs."""

import contextlib

import msgspec

from ks_universal.targets.local.lock import read_holder
from ks_universal.targets.local.state import StateFolder, write_if_possible

_FILE = "live.json"


class LiveContainer(msgspec.Struct, frozen=True, kw_only=True):
    """A container that is kept running, and how often it was started again since it was rolled out."""

    name: str
    is_sidecar: bool = False
    image: str = ""
    is_ready: bool = False
    restarts: int = 0
    last_exit: int | None = None


class LiveApplication(msgspec.Struct, frozen=True, kw_only=True):
    """A workload. `addresses`: where this machine reaches its Services, by `SERVICE:PORT`; URLs of those with HTTP."""

    application: str
    kind: str
    name: str
    wanted: int
    is_ready: bool = False
    containers: tuple[LiveContainer, ...] = ()
    addresses: dict[str, str] = {}


class Live(msgspec.Struct, frozen=True):
    """All that runs, in the order in which it was started; `engine` runs it."""

    engine: str
    applications: tuple[LiveApplication, ...]


def write_live(state: StateFolder, live: Live) -> None:
    """Tell what runs."""
    write_if_possible(state.path / _FILE, msgspec.json.encode(live))


def forget_live(state: StateFolder) -> None:
    """Forget what an earlier program ran; what is no file tells nothing, and stays."""
    with contextlib.suppress(OSError):
        (state.path / _FILE).unlink()


def read_live(state: StateFolder) -> Live | None:
    """Read what runs; None where no program runs the release."""
    if not is_run(state):
        return None
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((state.path / _FILE).read_bytes(), type=Live)
    return None


def is_run(state: StateFolder) -> bool:
    """Tell whether a program runs the release, or is about to."""
    return read_holder(state.path / "lock") is not None


def read_lock(state: StateFolder) -> str:
    """Say who runs the release, since when; empty where nobody does."""
    return (state.path / "lock").read_text().partition("\n")[0] if is_run(state) else ""
