"""Building blocks without a subject of their own: database threads, sockets, children."""
