"""Cells in the formats of other programs: ways out, and in again."""
