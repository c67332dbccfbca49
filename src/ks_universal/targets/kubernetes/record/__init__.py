"""The lock and the record of a release."""
