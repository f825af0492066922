"""Measures of nearest-neighbor sets of paired rows."""
