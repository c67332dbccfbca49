"""A release in memory: for the tests of programs that use this one."""
