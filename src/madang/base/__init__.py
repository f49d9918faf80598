"""Ids, units and error roots; standard library only."""
