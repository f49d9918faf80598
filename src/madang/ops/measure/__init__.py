"""Measures what this machine does, for the planner: short, repeated, with its spread."""
