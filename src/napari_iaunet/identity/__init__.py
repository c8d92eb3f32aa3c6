"""Cells that look alike: descriptors of cells, and how similar they are."""
