"""The text of every configuration file, from the station's description. Pure."""

MADE_BY = "# Written by `madang deploy`; changes made here are undone by its next run.\n"
