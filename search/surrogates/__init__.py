"""Surrogates: models that predict the rewards of networks that were not judged. `base.Surrogate` states the rules."""
