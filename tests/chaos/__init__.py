"""Chaos: random faults and kills against a lab under continuous upgrades, and a verdict at the end."""
