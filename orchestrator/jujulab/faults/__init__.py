"""Faults: what is broken in a lab on purpose, and its mending."""
