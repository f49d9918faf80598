"""Broadcasts: live status of channels, and a record of each show."""
