"""One label id for a cell in all planes of a film or a volume."""
