"""A release in memory: for the tests of programs that use this one."""

from ks_universal.testing.memory import MemoryTarget
from ks_universal.testing.world import World

__all__ = ["MemoryTarget", "World"]
