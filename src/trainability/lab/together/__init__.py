"""Setups that are already made, trained together where that gives the same Runs faster.

`train_setups` gives for each Setup what its own `train` gives. Setups that are plain multilayer networks on tensors, of one
shape and one kind of optimizer, are advanced in one step, with the bits that plain training has; all others are trained one
by one. `parts` is the same as jobs for a pool that has other work, too.
"""

from trainability.lab.together.parts import Part, groupable, parts, train_setups

__all__ = ["Part", "groupable", "parts", "train_setups"]
