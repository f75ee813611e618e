"""What this agent was built as. The builder writes this module anew for every version."""

# 0.0.0 is Juju's "no version": the agent runs from a source tree.
VERSION = "0.0.0"
# The upgrade steps of this version and of those before it, from the release catalogue, then the publisher's own:
# version, target, description, operation.
STEPS: tuple[tuple[str, str, str, str], ...] = ()
# What is wrong with this version on purpose; see `defects`.
DEFECT = ""
