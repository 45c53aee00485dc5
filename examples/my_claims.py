"""Three conjectures of one's own: run ``entropy-theory hunt examples/my_claims.py``."""

import numpy as np

import entropy_theory as et

d = et.domains

# The variance of the log-probability is at most log^2(n - 1) / 4 + 1 (Reeb and Wolf 2015): true.
bounded_varentropy = et.Inequality(
    name="bounded-varentropy",
    statement=r"\mathrm{Var}(\log p) \le \tfrac14\log^2(n-1) + 1",
    given={"z": d.logits(actions=(2, 8))},
    lhs=lambda z: et.varentropy(z),
    rhs=lambda z: np.log(et.exact(z.shape[-1] - 1)) ** 2 / 4 + 1,
)

# Its supremum for two actions is 0.43923 (at p = 0.91678). A constant just below is wrong on a thin set only.
thin_violation = et.Inequality(
    name="thin-violation",
    statement=r"n = 2:\quad \mathrm{Var}(\log p) \le 0.4392288",
    given={"p": d.policies(actions=2)},
    lhs=lambda p: et.varentropy(np.log(p)),
    rhs=et.exact("0.4392288"),
)

# No policy over at least two actions has more than log n nats: the assumption is never met, and the verdict says so.
vacuous = et.Inequality(
    name="vacuous",
    statement=r"H(p) > \log n \ \Rightarrow\ H(p) \le 0",
    given={"z": d.logits(actions=(2, 4))},
    assuming=lambda z: (et.entropy(z) > np.log(et.exact(z.shape[-1])) + 1).astype(bool),
    lhs=lambda z: et.entropy(z),
    rhs=0,
)
