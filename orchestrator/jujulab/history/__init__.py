"""What happened to a lab, and whether the promises of its design held: events, recorder, observer, checker."""
