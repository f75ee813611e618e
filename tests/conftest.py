"""Its place makes `support` importable for the tests of every folder."""

import os

from hypothesis import settings

# What decides whether a change lands tries the same examples each time; whoever works on it finds new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
