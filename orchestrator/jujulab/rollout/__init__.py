"""The rollout of an upgrade: pure decisions in `rules`, SSH in `hands`, the loop around both in `daemon`."""
