"""Two-layer ReLU student and teacher under Gaussian input: everything about the population loss, in closed form."""

from __future__ import annotations

from trainability.theory.teacher_student.angle import angle
from trainability.theory.teacher_student.bias import gradient_with_bias, kernel_with_bias, loss_with_bias
from trainability.theory.teacher_student.bivariate import bivariate_cdf
from trainability.theory.teacher_student.gradient import gradient, gradient_output
from trainability.theory.teacher_student.hessian import hessian
from trainability.theory.teacher_student.kernel import gate_kernel, kernel, normalised_kernel
from trainability.theory.teacher_student.loss import loss
from trainability.theory.teacher_student.spectrum import minimum_levels, minimum_spectrum, minimum_stable_lr

__all__ = [
    "angle",
    "bivariate_cdf",
    "gate_kernel",
    "gradient",
    "gradient_output",
    "gradient_with_bias",
    "hessian",
    "kernel",
    "kernel_with_bias",
    "loss",
    "loss_with_bias",
    "minimum_levels",
    "minimum_spectrum",
    "minimum_stable_lr",
    "normalised_kernel",
]
