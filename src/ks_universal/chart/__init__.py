"""Values of the Helm chart in the format of this program: what `convert` does."""
