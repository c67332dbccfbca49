"""The target that runs a release on this machine with its images."""

from pathlib import Path
from typing import Any

from ks_universal.targets.containers.host import ContainerHost
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.local.state import StateFolder


class ContainerTarget(LocalTarget):
    """Runs one release in a container engine; all else is as LocalTarget has it."""

    def __init__(self, *args: Any, engine: str, **more: Any) -> None:
        """Take what LocalTarget takes, and the engine: `podman` or `docker`."""
        self.engine = engine
        super().__init__(*args, **more)

    def _make_host(self, state: StateFolder, directory: Path) -> ContainerHost:  # noqa: ARG002 - of processes
        return ContainerHost(state, self.engine)
