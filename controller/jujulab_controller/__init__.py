"""The controller: the API server, its state, the cache of agent binaries, and the rules' surroundings."""
