"""Measures of two sets of directions that need no given pairing."""
