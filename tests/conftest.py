"""Its place makes `support` importable for the tests of every folder."""
