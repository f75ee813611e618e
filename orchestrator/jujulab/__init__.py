"""What the operator runs: the command line, the labs on Docker, the rollout of upgrades."""
