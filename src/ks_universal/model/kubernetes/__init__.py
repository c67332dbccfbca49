"""What Kubernetes says about fields, names and choices."""
