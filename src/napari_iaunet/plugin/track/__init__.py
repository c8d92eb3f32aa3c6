"""The Track tab."""
