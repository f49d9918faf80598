"""Channels: a name to publish to and watch at, and the keys that open it."""
