"""Costs of networks: limits, what a search maximizes under them, and their settings."""
