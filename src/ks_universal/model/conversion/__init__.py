"""From the tree of the values to the types of the format."""
