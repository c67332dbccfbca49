"""Takes an application and its database safely from one version to the next on Kubernetes."""
