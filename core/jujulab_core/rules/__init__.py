"""The rules of a Juju upgrade, pure: no I/O and no clock.

::

    eras          which release's rules hold
    facts         what the server's rules are told, and the refusal they answer with
    flags         the command's flags
    selection     the client's part: what it knows, what it does next
    clientside    the client's part, step by step; up to 2.9.32 it chooses the version
    deferring     the client's part from 2.9.33 on, where the controller chooses
    availability  which versions can be had, from the controller's storage and from streams
    serverside    the controller's choice (`ModelUpgrader.UpgradeModel`)
    checks        what the controller refuses, in Juju's order and words
    blockers      reasons that come together in one refusal (2.9.33 and later)
    texts         prompts, hints and other fixed words
    whatif        all of it together, without a lab
"""
