"""Measures of paired rows that follow from second and fourth moments."""
