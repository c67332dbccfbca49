"""What runs now, and why it may not work."""
