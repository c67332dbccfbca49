"""The container engine that tests use, and what it holds."""

import os
import subprocess
from pathlib import Path
from typing import Any

from ks_universal.targets.containers.naming import name_for

ENGINE = os.environ.get("KSU_TEST_ENGINE")
IMAGE, TAG = "docker.io/library/busybox", "1.37"


def ask(*arguments: str) -> str:
    """Ask the engine."""
    return subprocess.run([ENGINE or "podman", *arguments], capture_output=True, text=True, check=True).stdout


def list_left(folder: Path, release: str = "web") -> dict[str, list[str]]:
    """List what is left of a release whose state is in a folder, but volumes."""
    label = f"--filter=label=ks-universal.io/state={name_for(folder / '.ks-universal' / release).id}"
    kinds = {"ps": ("ps", "--all"), "network": ("network", "ls")}
    return {kind: ask(*command, "--quiet", label).split() for kind, command in kinds.items()}


def list_volumes(folder: Path, release: str = "web") -> list[str]:
    """List its volumes."""
    label = f"--filter=label=ks-universal.io/state={name_for(folder / '.ks-universal' / release).id}"
    return ask("volume", "ls", "--quiet", label).split()


def sh(script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a shell script."""
    return {"image": IMAGE, "imageTag": TAG, "command": ["sh", "-c", script], **more}


FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def application(main: dict[str, Any], migration: str = "true", **more: Any) -> dict[str, Any]:
    """An application whose migration is a shell script in the image of its container."""
    migrations = {"enabled": True, "command": ["sh", "-c", migration], "backoffLimit": 0}
    return {"migrations": migrations, "containers": {"main": main}, **more}
