"""Backups: taken every night, verified by restoring them, brought back by one command.

The station's database, files and settings go into one encrypted repository a place (`station`),
media into another (`media`), both restic's; PostgreSQL keeps its own beside them (`postgresql`),
pgBackRest's, with every change since.
"""
