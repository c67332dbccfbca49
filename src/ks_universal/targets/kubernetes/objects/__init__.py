"""Whose an object or a field is; applied, taken over, removed."""
