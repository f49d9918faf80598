"""Programs that run on a server with its own Python (3.10 or newer): standard library only."""
