"""Django as the station configures it: settings, addresses, API, error pages."""
