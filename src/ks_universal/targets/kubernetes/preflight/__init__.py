"""What is found before anything changes."""
