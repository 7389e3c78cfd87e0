"""Training setups that people ask about: failing ones, the same repaired, and healthy ones; see `_case.py`."""

from benchmarks.cases._case import Case, Metric, load

__all__ = ["CASES", "Case", "Metric"]

# Published as questions or as benchmark programs of debugging tools.
PUBLISHED = """
    softmax-one-unit
    sigmoid-out-regression
    dying-relu-unscaled-target
    undertrained-separable
    unit-normal-weights
    lr-over-limit-time-index
    constant-weights
    broadcast-loss
    eight-sigmoid-layers
    thirty-four-relu-layers
    softmax-before-cross-entropy
    sign-flipped
    regulariser-dominates
    lr-far-too-low
    softmax-before-bce-with-logits
    graph-cut
    gradients-never-cleared
"""

# Of the same kinds, on data that ship with scikit-learn or are made in the file.
FURTHER = """
    raw-breast-cancer-sgd
    raw-wine-sgd
    raw-digits-sgd-half
    raw-diabetes-target-adam
    house-prices-sgd
    nan-in-one-row
    log-of-zero-pixels
    uniform-one-cross-entropy
    uniform-one-softmax-squared-error
    uniform-one-softmax-mean-square
    unit-normal-softmax-squared-error
    hand-written-cross-entropy
    saturated-tanh
    deep-tanh-tiny-weights
    deep-relu-tiny-weights
    plain-deep-conv
    five-sigmoid-layers
    zero-weights
    exploding-relu-rnn
    dead-at-birth-bias-minus-ten
    dead-at-birth-bias-minus-one
    single-relu-wrong-side
    relu-output-negative-targets
    tanh-output-amplitude-five
    sigmoid-before-bce-with-logits
    softmax-over-the-batch
    likelihood-without-minus
    detached-loss
    error-rate-as-loss
    summed-loss
    weight-decay-half
    optimizer-of-another-model
    lr-zero
    lr-one-millionth
    spirals-lr-too-low
    lr-ten
    adam-lr-one
    momentum-point-99
    gradients-cleared-before-step
    step-never-called
    no-backward
    step-of-another-model
    sign-flipped-in-step
    parameters-replaced
    frozen-from-scratch
    features-detached
    eval-mode-in-training
    forty-relu-layers
    four-epochs-of-digits
    wine-full-batch-swings
    one-sample-per-step
    biases-from-unit-five
    sigmoid-output-squared-error-large-weights
    relu-before-bce-with-logits
    tanh-before-cross-entropy
    sigmoid-before-cross-entropy
    likelihood-of-raw-outputs
    squared-activation
    circles-without-activation
    labels-shuffled-apart
    random-yield
    labels-off-by-one
    validation-not-standardised
    split-of-a-sorted-file
    one-unit-bottleneck
    keep-probability-as-p
    softmax-for-several-labels
    class-numbers-as-targets
    cross-entropy-on-one-output
    pixels-divided-as-integers
    powers-of-x
    labels-plus-minus-one
"""

HEALTHY = """
    digits-mlp
    diabetes-mlp
    digits-conv
    digits-sgd
    digits-raw-adam
    digits-leaky-relu
    digits-tanh-xavier
    digits-residual-gelu
    digits-attention
    digits-functional-relu
    digits-dropout
    digits-log-softmax
    digits-softmax-log-likelihood
    digits-frozen-features
    digits-autoencoder
    digits-multi-label
    diabetes-linear-sgd
    breast-cancer-logistic
    moons-sigmoid-bce
    noisy-regression
    sine-gaussian-likelihood
    sine-frequency-gru
    words-mean-pooling
    digits-own-step
"""

CASES: dict[str, Case] = {name: load(name) for name in (PUBLISHED + FURTHER + HEALTHY).split()}
