"""The Look-alikes tab."""
