"""A run as a file that outlives the terminal: gathered from its events, written as a page, as Markdown or as JSON."""
