"""Requests to the API server: credentials, retries, watches, logs."""
