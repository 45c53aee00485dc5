"""Independent answers for the tests, written from the mathematics alone.

Nothing in this package imports the package under test.

``policies``      entropies and covariances of softmax policies with hundreds of digits (mpmath)
``dual``          forward-mode derivatives over any field: gradients without any gradient theorem
``decision``      Markov decision processes by Gaussian elimination over any field
``trajectories``  sums over every trajectory of a small process, in rational numbers
``textbook``      two processes solved by hand
``chains``        tables of Gymnasium environments and the absorbing chain they describe
``rounding``      how far a stable float64 evaluation may lie from the exact value, and why
``numbers``       conversions between float, mpmath and ball arithmetic, and the enclosure test
"""
