"""Durable jobs: their rows, and the rules by which workers take, keep and end them."""
