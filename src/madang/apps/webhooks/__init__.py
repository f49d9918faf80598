"""Webhooks: signed HTTP requests that tell other programs what happens on a channel."""
