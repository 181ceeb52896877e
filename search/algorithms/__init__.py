"""Search algorithms: they propose genotypes and learn from results."""
