"""What was recorded, over HTTP: playlists over byte ranges, and downloads."""
