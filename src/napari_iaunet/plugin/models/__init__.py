"""The list of the user's models."""
