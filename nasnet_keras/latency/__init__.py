"""The latency of a network on a device: measured of its exported file, or by a command of your own."""
