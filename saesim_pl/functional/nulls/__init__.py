"""Nulls and intervals for rows that are paired by construction."""
