"""The only sockets: thin shells that feed the sans-IO core and answer from memory."""
