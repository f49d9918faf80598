"""Finding videos and channels: search, the library, feeds."""
