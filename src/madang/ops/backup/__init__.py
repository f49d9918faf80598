"""Backups: taken every night, verified by restoring them, restored by one command.

Database, files and settings go into one encrypted restic repository per destination (`station`),
media into another (`media`). PostgreSQL has a pgBackRest repository beside them (`postgresql`),
with its write-ahead log.
"""
