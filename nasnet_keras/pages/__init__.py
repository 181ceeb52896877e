"""A page for a browser or for paper, which needs no other file, no network and no script."""
