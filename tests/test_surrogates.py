"""Surrogates: their rules, and what the models learn."""

import numpy as np
import pytest

from nasnet_keras.search.surrogates.base import checked_rewards, checked_rows


@pytest.mark.parametrize("rows", [[1.0, 2.0], [[[1.0]]], [[1.0, np.nan]], [[np.inf, 1.0]]])
def test_rows_that_are_none_are_refused(rows):
    with pytest.raises(ValueError, match="rows"):
        checked_rows(rows)


def test_rows_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"shape \(networks, 3\), got the shape \(1, 2\)"):
        checked_rows([[1.0, 2.0]], numbers=3)


@pytest.mark.parametrize("rewards", [[], [1.0], [[1.0, 2.0]], [1.0, np.nan], [1.0, 2.0, 3.0]])
def test_rewards_that_do_not_fit_are_refused(rewards):
    with pytest.raises(ValueError, match="reward"):
        checked_rewards(rewards, networks=2)


def test_no_networks_cannot_be_learnt():
    with pytest.raises(ValueError, match="at least one"):
        checked_rewards([], networks=0)
