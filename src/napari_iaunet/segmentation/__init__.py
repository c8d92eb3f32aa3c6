"""From an image to its cells."""
