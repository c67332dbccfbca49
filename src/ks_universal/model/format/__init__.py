"""The input format as types."""
