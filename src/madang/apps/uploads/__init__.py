"""Uploads: rows, rights and quotas of files that are being sent to the station."""
