"""The mistakes of a trained network: the images that it answers wrong, as a table and as a page."""
