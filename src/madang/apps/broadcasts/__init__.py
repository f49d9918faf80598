"""Broadcasts: what is on the air now, and one record per show when it is over."""
