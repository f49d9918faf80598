"""Madang: a broadcasting station that one person runs on one cheap server."""

__version__ = "0.1.0"
