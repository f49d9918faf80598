"""Videos: recordings of shows, and later uploads, with their visibility and retention."""
