"""Controllers: recurrent networks that propose genotypes and learn from their rewards."""
