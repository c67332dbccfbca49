"""A Deployment on its way to its next version."""
