"""Stores that the settings name: SQLite or PostgreSQL, memory or Redis."""
