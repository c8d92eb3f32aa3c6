"""Cells by clicks: the tool, the cell on its way, its undo."""
