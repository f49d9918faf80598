"""Chat connections: rooms in memory, one frame a tick to everybody."""
