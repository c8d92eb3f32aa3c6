"""The network, its losses and its files: torch only."""
