"""A lab: the containers, networks and secrets of one controller and its models."""
