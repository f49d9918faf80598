"""Operation of a station's servers: deployment, backups, measurements."""
