"""The napari dock: widgets, layers and background jobs; nothing here computes."""
