"""The Many images tab."""
