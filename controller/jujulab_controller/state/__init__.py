"""The controller's state: SQLite behind SQLAlchemy Core, one writer, group commit."""
