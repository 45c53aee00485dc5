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
``released_controls``  the entropy controls token by token and table by table, with the rules of the released code
``enumeration``   moments of sampled updates over every sequence of tokens, in rational numbers
``ascent``        runs of gradient ascent by plain loops, and the two-armed flow
``margins``       stability margins with many digits (mpmath)
``token_tree``    token trees by enumeration of all sequences, over any field
``responses``     trees, rollouts and their chances by enumeration of whole responses
``group_advantages``  advantages of groups of responses by plain loops, a process reward model by dual numbers
``training_record``   what a history records, computed anew from the logits
``refuted``       whether an instance breaks a line of the paper, by plain sums
``policy_statistics``  statistics of a policy and its update with 60 digits, and limits of their rounding errors
"""
