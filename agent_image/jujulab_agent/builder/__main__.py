"""Entry point of ``python -m jujulab_agent.builder``."""

import sys

from jujulab_agent.builder.cli import main

sys.exit(main())
