"""One ReLU that learns one ReLU, input N(0, 1), in one dimension, with bias, output weight and offset; all exact.

The student is output · relu(weight · x + bias) + offset, the target relu(x) unless told. Losses are this package's,
1/2 E(student - target)²; where a learning rate enters, `convention` says which loss it belongs to: "half" for that one,
"mse" for a loss without the 1/2, such as Keras' "mse" and torch's `MSELoss`, whose gradient is twice as large.

`loss_surface` gives loss and gradient, `descent` where gradient descent ends, `crossing` which linear update rule passes
weight 0 and when, `scale_free` from how far an adaptive one does, `runs` the rules step by step, with and without batches,
`leaky_fixed_point` where a leaky student ends, `drift` how a unit dies that answers only where the target is 0, `best_fit`
the best for given signs or a given elbow. `negative_slope` has leaky units with any slopes in d dimensions, `output_weight`
a unit without bias whose output weight learns as well.
"""

from trainability.theory.one_relu import best_fit as best_fit
from trainability.theory.one_relu import crossing as crossing
from trainability.theory.one_relu import descent as descent
from trainability.theory.one_relu import drift as drift
from trainability.theory.one_relu import leaky_fixed_point as leaky_fixed_point
from trainability.theory.one_relu import loss_surface as loss_surface
from trainability.theory.one_relu import negative_slope as negative_slope
from trainability.theory.one_relu import output_weight as output_weight
from trainability.theory.one_relu import runs as runs
from trainability.theory.one_relu import scale_free as scale_free

__all__ = [
    "best_fit",
    "crossing",
    "descent",
    "drift",
    "leaky_fixed_point",
    "loss_surface",
    "negative_slope",
    "output_weight",
    "runs",
    "scale_free",
]
