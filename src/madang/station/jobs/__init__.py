"""Jobs of the station that the worker runs."""
