"""The shipped tables are those of the installed Gymnasium."""

from __future__ import annotations

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.problems.tables import ENVIRONMENTS, Table, tables


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.label)
def test_shipped_and_installed_tables_agree(table: Table) -> None:
    """The entries are sums of the same few numbers in the same order, so they agree to the last bit."""
    name, options = ENVIRONMENTS[table.label]
    live = et.MDP.from_gymnasium(name, table.discount, **options)
    np.testing.assert_array_equal(table.transition, live.transition)
    np.testing.assert_array_equal(table.reward, live.reward)
    np.testing.assert_array_equal(table.initial, live.initial)
    np.testing.assert_array_equal(table.termination, live.termination)


def test_the_table_of_a_claim_is_a_valid_problem() -> None:
    for table in tables():
        et.MDP(table.transition, table.reward, table.discount, table.initial, table.termination)
