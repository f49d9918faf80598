"""Roles of a process: how each is started, runs and ends."""
