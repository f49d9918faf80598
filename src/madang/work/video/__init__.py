"""Jobs that make videos of uploaded files."""
