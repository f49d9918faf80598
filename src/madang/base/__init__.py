"""Addresses, lazy text, units and error roots; standard library only."""
