"""Tracks, access units and codec configurations; frozen values, no I/O."""
