"""Closed forms and properties."""
