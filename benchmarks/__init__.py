"""Measurements of the program: ``python -m benchmarks`` lists them."""
