"""A migration's Job: its objects, its attempts, their logs and their end."""
