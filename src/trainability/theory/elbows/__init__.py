"""Where the corner of a random ReLU unit lies, and what share of units never bends on the data.

A unit relu(w x + b) has its corner (elbow) at C = -b/w. On given inputs it is *dead* if w x + b <= 0 for all of them,
*linear* if w x + b >= 0 for all, else *bent*: only bent units can do what a linear model cannot.

`laws` names the weight and bias laws and the usual schemes, `position` has the law of C, `shares` the shares of dead, linear
and bent units on an interval, a ball or Gaussian data, `on_data` those on given data and biases that place the corners,
`running_means` what averages of corners do.
"""

from trainability.theory.elbows.laws import SCHEMES, Constant, Law, Normal, Uniform, scheme
from trainability.theory.elbows.on_data import (
    DataShares,
    biases_at_quantiles,
    biases_at_samples,
    classify,
    data_shares,
)
from trainability.theory.elbows.position import Distance, Elbow
from trainability.theory.elbows.running_means import running_mean_scale, running_means
from trainability.theory.elbows.shares import Shares, ball_shares, gaussian_shares, interval_shares

__all__ = [
    "SCHEMES",
    "Constant",
    "DataShares",
    "Distance",
    "Elbow",
    "Law",
    "Normal",
    "Shares",
    "Uniform",
    "ball_shares",
    "biases_at_quantiles",
    "biases_at_samples",
    "classify",
    "data_shares",
    "gaussian_shares",
    "interval_shares",
    "running_mean_scale",
    "running_means",
    "scheme",
]
