"""Entry point of ``jujud``."""

import gc
import os
import sys

# Nothing that is made while importing is garbage soon; looking for it costs a tenth of the start.
gc.disable()
# The agent runs by way of a link that an upgrade moves: modules imported later must still come from this version.
sys.path[0] = os.path.realpath(sys.path[0])

from jujulab_agent.cli import main  # noqa: E402 - only after the path is settled

sys.exit(main(sys.argv[1:]))
