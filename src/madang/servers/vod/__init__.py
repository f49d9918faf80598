"""Recordings over HTTP: playlists over byte ranges, and downloads."""
