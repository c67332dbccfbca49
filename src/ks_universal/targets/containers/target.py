"""The target that runs a release on this machine with its images."""

from pathlib import Path
from typing import Any

from ks_universal.diagnostics import Problem
from ks_universal.model.format.local import Local
from ks_universal.targets.containers.building import find_context, find_context_problem
from ks_universal.targets.containers.host import ContainerHost
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.local.state import StateFolder


class ContainerTarget(LocalTarget):
    """Runs one release in a container engine; all else is as LocalTarget has it."""

    def __init__(self, *args: Any, engine: str, **more: Any) -> None:
        """Take what LocalTarget takes, and the engine: `podman` or `docker`."""
        self.engine = engine
        super().__init__(*args, **more)

    def find_warnings(self, local: Local) -> tuple[Problem, ...]:
        """Warn of images that the state of releases would get into."""
        builds = (
            find_context_problem(image, build, self._directory, self._state.path)
            for image, build in local.build.items()
        )
        return tuple(filter(None, builds))

    def list_sources(self, local: Local) -> tuple[Path, ...]:
        """List the folders that images are built from."""
        return tuple(dict.fromkeys(find_context(build, self._directory) for build in local.build.values()))

    def _make_host(self, state: StateFolder, directory: Path) -> ContainerHost:
        return ContainerHost(state, self.engine, directory, self._local.postgres)
