"""Rules of what is made of a file: which streams browsers play as they are, which renditions it
gets, and the commands that make them. Pure."""
