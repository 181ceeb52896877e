"""A page for a browser or for paper, or a picture of a chart, which needs no other file, no network and no script."""
