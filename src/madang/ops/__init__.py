"""What keeps a station's servers as they should be: setting up, and later watching and mending."""
