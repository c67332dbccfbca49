"""Processes that run on when this program is killed, and are found again."""
