"""Recordings: their index, playlists of what is kept, and repair after a crash. Pure: bytes in,
bytes out."""
