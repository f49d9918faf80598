"""Channels on the air: each show with its publisher, its readers and its audience."""
