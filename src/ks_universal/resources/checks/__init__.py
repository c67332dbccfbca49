"""What is found by looking at finished objects."""
