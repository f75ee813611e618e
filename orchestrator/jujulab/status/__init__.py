"""What ``status`` shows: from the controller's full status to Juju's data tree, and from that to text. Pure."""
