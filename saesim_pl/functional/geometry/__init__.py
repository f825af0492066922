"""Measures of paired rows that compare distances or align one side with the other."""
