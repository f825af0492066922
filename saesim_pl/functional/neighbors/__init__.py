"""Measures of nearest-neighbour sets of paired rows."""
