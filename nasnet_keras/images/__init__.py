"""Image files: found in folders, read safely, and brought to one size."""
