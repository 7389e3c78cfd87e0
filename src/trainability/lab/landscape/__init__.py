"""Landscapes: the loss over a plane through weights, with trajectories on it.

A plane is laid through random directions rescaled filter by filter (`random_plane`), along the paths of trainings
(`pca_plane`), or through three points (`three_points`); `landscape` evaluates a Setup's loss on a grid in it.
"""

from trainability.lab.landscape._weights import flattened, weights_of
from trainability.lab.landscape.filters import normalised
from trainability.lab.landscape.landscape import Landscape, Path, landscape
from trainability.lab.landscape.plane import Plane, pca_plane, plane, random_plane, three_points
from trainability.lab.landscape.trajectory import trajectory

__all__ = [
    "Landscape",
    "Path",
    "Plane",
    "flattened",
    "landscape",
    "normalised",
    "pca_plane",
    "plane",
    "random_plane",
    "three_points",
    "trajectory",
    "weights_of",
]
