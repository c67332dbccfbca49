"""The places where a release runs; the only packages that touch the outside world."""
