"""Copying agent binaries from a source to a controller or to a directory."""
