"""A probe of juju-doctor: looks at the status that it was given, as a user's own would."""


def status(juju_statuses: dict[str, dict], **kwargs):
    for name, found in juju_statuses.items():
        assert "ubuntu" in found["applications"], name
        assert found["machines"]["0"]["juju-status"]["current"] == "started"
