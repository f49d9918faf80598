"""Measurements of this machine for the planner: short, repeated, with their spread."""
