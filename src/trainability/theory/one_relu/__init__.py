"""One ReLU that learns one ReLU, input N(0, 1), in one dimension, with bias, output weight and offset; all exact.

The student is output · relu(weight · x + bias) + offset, the target relu(x) unless told. Losses are this package's,
1/2 E(student - target)²; where a learning rate enters, `convention` says which loss it belongs to: "half" for that one,
"mse" for a loss without the 1/2, such as Keras' "mse" and torch's `MSELoss`, whose gradient is twice as large.

`loss_surface` gives loss and gradient, `descent` where gradient descent ends, `crossing` which update rule passes
weight 0 and when, `runs` the rules step by step, with and without batches, `leaky_fixed_point` where a leaky student ends,
`drift` how a unit dies that answers only where the target is 0, `best_fit` the best for given signs or a given elbow.
"""

from trainability.theory.one_relu import best_fit as best_fit
from trainability.theory.one_relu import crossing as crossing
from trainability.theory.one_relu import descent as descent
from trainability.theory.one_relu import drift as drift
from trainability.theory.one_relu import leaky_fixed_point as leaky_fixed_point
from trainability.theory.one_relu import loss_surface as loss_surface
from trainability.theory.one_relu import runs as runs

__all__ = ["best_fit", "crossing", "descent", "drift", "leaky_fixed_point", "loss_surface", "runs"]
