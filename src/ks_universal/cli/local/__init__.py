"""What only `up` needs: in the foreground, in the background, and again when files change."""
