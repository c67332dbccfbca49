"""Which container of an application a migration step runs."""

from ks_universal.model.containers import Container
from ks_universal.model.migrations import Step
from ks_universal.model.workloads import Deployment


def find_container(deployment: Deployment, step: Step) -> tuple[str, Container] | None:
    """Find the container: the one that the step names, else `main`, else the only one; None if that is none."""
    containers = deployment.containers
    name = step.container
    if name is None:
        name = "main" if "main" in containers else next(iter(containers), "") if len(containers) == 1 else ""
    return (name, containers[name]) if name in containers else None
