"""Builds agent tarballs of any version and publishes them as signed simplestreams (``jujulab-publish``)."""
