"""Settings of the station: sections, fields, files and what is active in this process."""
