"""What this agent was built as. The builder writes this module anew for every version."""

# 0.0.0 is Juju's "no version": the agent runs from a source tree.
VERSION = "0.0.0"
# Descriptions of upgrade steps that the publisher gave this version.
STEPS: tuple[str, ...] = ()
# What is wrong with this version on purpose; see `defects`.
DEFECT = ""
