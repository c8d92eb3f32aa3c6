"""From annotated cells to a better model."""
