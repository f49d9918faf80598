"""Recordings on the disk: files that grow, the thread that writes them, repair after a crash."""
