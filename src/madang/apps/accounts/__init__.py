"""Accounts: who may sign in, and who runs the station."""
