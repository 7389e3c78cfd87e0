"""Watch a run's last steps on one fixed sample: does it go on, or back and forth?"""

from __future__ import annotations

import math
import statistics
import warnings
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainability.doctor.readings.motion import NAN, MotionReading
from trainability.errors import TrainabilityError
from trainability.setup import Setup
from trainability.setup.facts import evaluate, forward
from trainability.setup.untouched import random_state_kept, seed_everything

SAMPLE = 256
STEPS = 8
BATCHES = 8


class MotionProbe:
    """Called before each of a run's last steps and after the last; reads one sample's loss and gradient each time.

    Args:
        setup: the private copy that is being trained.
        steps: of the run.
    """

    def __init__(self, setup: Setup, steps: int) -> None:
        self.setup = setup
        self.at = range(max(steps - STEPS, 0), steps + 1)
        self.x, self.y = (t.to(setup.device) for t in setup.batches.sample(SAMPLE))
        self.losses: list[float] = []
        self.cosines: list[float] = []
        self.noise = NAN
        self.before: Tensor | None = None

    def __call__(self) -> None:
        """Read the sample's loss and gradient at this step."""
        gradient, loss = self._gradient(self.x, self.y)
        self.losses.append(loss)
        if gradient is not None and self.before is not None:
            product = float(gradient.norm() * self.before.norm())
            if product > 0 and math.isfinite(product):
                self.cosines.append(float(gradient @ self.before) / product)
        self.before = gradient
        if len(self.losses) == 1 and gradient is not None:
            self.noise = self._noise(gradient)

    def reading(self) -> MotionReading | None:
        """What was seen; None for a run that ended before, or whose loss was not finite."""
        if len(self.losses) < 3 or not all(map(math.isfinite, self.losses)) or not self.cosines:
            return None
        mean = statistics.fmean(self.losses)
        moves = [b - a for a, b in pairwise(self.losses)]
        turns = [a * b < 0 for a, b in pairwise(moves)]
        return MotionReading(
            step=self.at.start,
            steps=len(self.losses) - 1,
            turn=statistics.median(self.cosines),
            swing=(max(self.losses) - min(self.losses)) / abs(mean) if mean else 0.0,
            loss=mean,
            sign_changes=sum(turns) / len(turns) if turns else NAN,
            noise_scale=self.noise,
        )

    def _gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor | None, float]:
        """The loss's gradient at the present weights as one vector; nothing is changed."""
        model = self.setup.model
        wanted = [p for p in model.parameters() if p.requires_grad]
        modes = [(m, m.training) for m in model.modules()]
        buffers = [(b, b.clone()) for b in model.buffers()]
        try:
            model.train()
            for module in model.modules():
                if isinstance(module, nn.modules.dropout._DropoutNd):
                    module.eval()
            with random_state_kept(), warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")
                seed_everything(0)
                loss = evaluate(self.setup.loss_fn, forward(model, x), y)
                if not loss.requires_grad or not wanted:
                    return None, float(loss.detach())
                parts = torch.autograd.grad(loss, wanted, allow_unused=True)
            found = [g.detach().flatten() for g in parts if g is not None]
            return torch.cat(found) if found else None, float(loss.detach())
        except TrainabilityError:  # a loss that refuses what is not finite any more
            return None, math.nan
        finally:
            with torch.no_grad():
                for buffer, kept in buffers:
                    buffer.copy_(kept)
            for module, mode in modes:
                module.training = mode

    def _noise(self, whole: Tensor) -> float:
        """tr(S) / |G|^2 from gradients of two batch sizes: E|g_B|^2 = |G|^2 + tr(S) / B."""
        n, small = len(self.x), max(1, self.setup.batches.batch_size)
        if small > n // 2 or self.setup.facts.family.sums:
            return NAN
        starts = range(0, n - small + 1, max(small, n // BATCHES))
        parts = [self._gradient(self.x[i : i + small], self.y[i : i + small])[0] for i in list(starts)[:BATCHES]]
        squares = [float(g.square().sum()) for g in parts if g is not None]
        if len(squares) < 2:
            return NAN
        noisy, clean = statistics.fmean(squares), float(whole.square().sum())
        trace = (noisy - clean) / (1 / small - 1 / n)
        squared = (n * clean - small * noisy) / (n - small)
        return trace / squared if trace > 0 and squared > 0 else NAN
