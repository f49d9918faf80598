"""An HTTP/1.1 server, health endpoints, static files, and WSGI for Django."""
