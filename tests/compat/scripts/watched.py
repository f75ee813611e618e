"""Dictionaries that remember which of their keys were looked for: what a client knows of a document, and what not."""


class Asked:
    """What was looked for, and what was there, by path: ``machines.*.juju-status``; ``*`` is any name."""

    def __init__(self):
        self.looked_for, self.there, self.maps = {}, {}, set()

    def absent(self):
        """The keys that were looked for, and that no dictionary of that path has."""
        return self._keys(self.looked_for, self.there)

    def unread(self):
        """The keys that are there, and that nobody looked for."""
        return self._keys(self.there, self.looked_for)

    def count(self):
        """How many different keys were looked for."""
        return sum(len(keys) for keys in self.looked_for.values())

    def _keys(self, some, others):
        found = {f"{path}.{key}" for path, keys in some.items() for key in keys - others.get(path, set())}
        # The keys of a map are names.
        return sorted(key.lstrip(".") for key in found if key.rpartition(".")[0] not in self.maps)


class Watched(dict):
    """A dictionary whose readers are watched."""

    def __init__(self, data, asked, path=""):
        super().__init__(data)
        self._asked, self._path = asked, path
        asked.there.setdefault(path, set()).update(data)

    def __contains__(self, key):
        self._asked.looked_for.setdefault(self._path, set()).add(key)
        return super().__contains__(key)

    def __getitem__(self, key):
        self._asked.looked_for.setdefault(self._path, set()).add(key)
        return self._watched(super().__getitem__(key), key)

    def get(self, key, default=None):
        self._asked.looked_for.setdefault(self._path, set()).add(key)
        return self._watched(super().get(key, default), key)

    def items(self):
        self._asked.maps.add(self._path)
        return [(key, self._watched(value, "*")) for key, value in super().items()]

    def __iter__(self):
        self._asked.maps.add(self._path)
        return super().__iter__()

    def _watched(self, value, key):
        path = f"{self._path}.{key}".lstrip(".")
        if isinstance(value, list):
            return [Watched(item, self._asked, path) if isinstance(item, dict) else item for item in value]
        return Watched(value, self._asked, path) if isinstance(value, dict) else value
