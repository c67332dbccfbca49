"""The format for readers: its JSON Schema, and `explain`."""
