"""One careful forward pass and loss: either the facts that everything else builds on, or one clear sentence."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainability.errors import SetupError, TrainabilityError
from trainability.setup.batches import Batches
from trainability.setup.large import is_large
from trainability.setup.loss_family import LossFamily, loss_family
from trainability.setup.output import described, suggestion
from trainability.setup.output_form import OutputForm, output_form
from trainability.setup.task import Task, infer_task

SAMPLE = 1024
OUTPUTS, FEW = 256, 16
"""Inputs whose outputs are kept, and those of a large model (`large.is_large`)."""


@dataclass(frozen=True)
class Facts:
    """What one batch showed of a Setup.

    Args:
        output: (n, ...), outputs for up to `OUTPUTS` inputs (`FEW` for a large model), in eval mode.
        target: (N, ...), up to `SAMPLE` targets; the first n belong to the outputs.
        family: the loss.
        form: the output's form.
        task: inferred or stated.
        reason: why that task.
        differentiable: whether the loss depends on any parameter.
        penalised: whether it depends on parameters also where the output does not: it adds a penalty on the weights.
    """

    output: Tensor
    target: Tensor
    family: LossFamily
    form: OutputForm
    task: Task
    reason: str
    differentiable: bool
    penalised: bool

    @property
    def logits(self) -> bool:
        """Whether a single output is a logit (its class changes at 0) and not a probability or a value."""
        if self.family.name == "custom":
            return self.form == "values"
        return self.family.name == "bce-with-logits"


def facts(model: nn.Module, loss_fn: Callable[..., Any], data: Batches, task: Task | None = None) -> Facts:
    """Run a batch through the model and the loss. The caller keeps the model untouched.

    Args:
        model: on any device; used in eval mode for the outputs and in its own mode for the loss.
        loss_fn: (output, target) -> scalar tensor.
        data: the training data.
        task: the user's statement, if there is one.

    Returns:
        Facts.

    Raises:
        SetupError: the model or the loss raises, returns something else than needed, or labels are out of
            range; the message says what was given, what was needed and what to do.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using a target size")
        return _facts(model, loss_fn, data, task)


def _facts(model: nn.Module, loss_fn: Callable[..., Any], data: Batches, task: Task | None) -> Facts:
    where = device_of(model)
    x, y = (t.to(where) for t in data.sample(SAMPLE))
    small = min(len(x), max(data.batch_size, 2))
    output = forward(model, x[:small])
    _check_labels(loss_fn, output, data)
    loss = evaluate(loss_fn, output, y[:small])
    differentiable = _reaches(loss, model)
    penalised = _reaches(evaluate(loss_fn, output.detach(), y[:small]), model)
    with torch.no_grad():
        was = model.training
        model.eval()
        output = forward(model, x[: FEW if is_large(model) else OUTPUTS])
        model.train(was)
    family = loss_family(loss_fn, output, y)
    inferred, reason = infer_task(output, y, family)
    if task is not None:
        inferred, reason = task, "stated"
    return Facts(output, y, family, output_form(output), inferred, reason, differentiable, penalised)


def device_of(model: nn.Module) -> torch.device:
    """The device of the model's first parameter; cpu where it has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def forward(model: nn.Module, inputs: Tensor) -> Tensor:
    """`model(inputs)`, with what goes wrong said in terms of what was given and needed."""
    try:
        output = model(inputs)
    except (TrainabilityError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise SetupError(_why_model(model, inputs, error)) from error
    if not isinstance(output, Tensor):
        raise SetupError(
            f"the model returned {described(output)} for a batch of inputs; needed is one tensor, which loss_fn takes. "
            f"Say which part it is: Setup(..., {suggestion(output)})."
        )
    if output.ndim == 0 or len(output) == 0:
        raise SetupError(
            f"the model returned a tensor of shape {tuple(output.shape)} for {len(inputs)} inputs; needed is "
            "one row of output per input."
        )
    return output


def evaluate(loss_fn: Callable[..., Any], output: Tensor, target: Tensor) -> Tensor:
    """`loss_fn(output, target)` as a scalar tensor, or a SetupError that says why not."""
    try:
        loss = loss_fn(output, target)
    except (TrainabilityError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise SetupError(_why_arguments(loss_fn, error) or _why_loss(output, target, error)) from error
    if not isinstance(loss, Tensor):
        raise SetupError(
            f"loss_fn returned a {type(loss).__name__}; needed is a tensor with a single number, computed from "
            "the model's output by torch operations (no .item(), no NumPy)."
        )
    if loss.numel() != 1:
        raise SetupError(
            f"loss_fn returned a tensor of shape {tuple(loss.shape)}; needed is a single number. "
            "Reduce it, for example with .mean() (or leave reduction='mean')."
        )
    return loss


def _reaches(loss: Tensor, model: nn.Module) -> bool:
    wanted = [p for p in model.parameters() if p.requires_grad]
    if not loss.requires_grad or not wanted:
        return False
    if is_large(model) and _leads_to(loss, wanted):
        return True  # seen in the graph, without the pass
    found = torch.autograd.grad(loss.sum(), wanted, allow_unused=True)
    return any(g is not None for g in found)


def _leads_to(loss: Tensor, wanted: list[nn.Parameter]) -> bool:
    """Whether the graph behind a loss ends at one of the parameters."""
    ends, seen, left = {id(p) for p in wanted}, set(), [loss.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if id(getattr(node, "variable", None)) in ends:
            return True
        left += [before for before, _ in node.next_functions]
    return False


def penalty(loss_fn: Callable[..., Any], known: Facts) -> float:
    """What the loss adds at present for the weights alone; 0 where it adds nothing or its family is not known."""
    if not known.penalised:
        return 0.0
    return loss_family(loss_fn, known.output, known.target).offset


def _why_model(model: nn.Module, inputs: Tensor, error: Exception) -> str:
    parameter = next(iter(model.parameters()), None)
    given = f"inputs of shape {tuple(inputs.shape)}, {inputs.dtype}"
    if parameter is not None and inputs.dtype != parameter.dtype:
        if not inputs.is_floating_point():
            return (
                f"the inputs are {inputs.dtype} and the model's parameters {parameter.dtype}: the model needs "
                f"floating-point inputs. Convert them, for example X.to({parameter.dtype}). ({_short(error)})"
            )
        return (
            f"the inputs are {inputs.dtype} and the model's parameters {parameter.dtype}: both must agree. "
            f"Convert one, for example X.to({parameter.dtype}) or model.to({inputs.dtype}). ({_short(error)})"
        )
    if "allocate memory" in str(error) or isinstance(error, MemoryError):
        return (
            f"memory ran out when the model was given {given}: {_short(error)}. Give a smaller batch_size or a smaller "
            "model."
        )
    return (
        f"the model raised {type(error).__name__} on {given}: {_short(error)}. "
        "Needed is a model that maps a batch of these inputs to a tensor; check the first layer's size."
    )


def _why_arguments(loss_fn: Callable[..., Any], error: Exception) -> str:
    """What to say of a loss that takes other arguments than two; "" for one that does not."""
    if not isinstance(error, TypeError):
        return ""
    try:
        call = loss_fn.forward if isinstance(loss_fn, nn.Module) else loss_fn
        signature = inspect.signature(call)
        signature.bind(None, None)
    except TypeError:
        names = [n for n, p in signature.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        further = ", ".join(names[2:]) or "its other arguments"
        return (
            f"loss_fn takes {signature}; needed is a function of two, (output, target). Give what is known before "
            f"training ({further}) with functools.partial or in a lambda; what is known only for a batch belongs into "
            "the data's targets, or into a step of your own: Setup(..., step=step)."
        )
    except ValueError:  # no signature
        return ""
    return ""


def _why_loss(output: Tensor, target: Tensor, error: Exception) -> str:
    given = (
        f"an output of shape {tuple(output.shape)} ({output.dtype}) and targets of shape "
        f"{tuple(target.shape)} ({target.dtype})"
    )
    advice = "The output does not fit the loss: make shapes and types what this loss expects"
    if output.ndim == 2 and target.ndim == 1 and target.is_floating_point() and output.shape[1] > 1:
        advice += "; class labels must be integers (y.long())"
    elif not target.is_floating_point() and target.shape == output.shape:
        advice += f"; here probably y.to({output.dtype})"
    elif target.numel() == output.numel() and target.shape != output.shape:
        advice += f"; here probably y.reshape{tuple(output.shape)}".replace(f"({len(output)}, ", "(-1, ")
    return f"loss_fn raised {type(error).__name__} on {given}: {_short(error)}. {advice}."


def _check_labels(loss_fn: Callable[..., Any], output: Tensor, data: Batches) -> None:
    """Class indices are checked over the whole data, since one bad label far down would stop the training."""
    if not isinstance(loss_fn, (nn.CrossEntropyLoss, nn.NLLLoss)) and not _takes_indices(loss_fn, output):
        return
    targets = getattr(data, "targets", None)
    y = targets if targets is not None else data.sample(SAMPLE)[1]
    if y.is_floating_point() or output.ndim < 2:
        return
    kept = y[y != getattr(loss_fn, "ignore_index", -100)]
    if not kept.numel():
        return
    low, high, classes = int(kept.min()), int(kept.max()), output.shape[1]
    if low < 0 or high >= classes:
        raise SetupError(
            f"the labels run from {low} to {high} and the model has {classes} outputs; this loss needs labels from 0 "
            f"to {classes - 1}. Renumber the labels or give the model {max(high + 1, 1)} outputs."
        )


def _takes_indices(loss_fn: Callable[..., Any], output: Tensor) -> bool:
    """Whether the loss takes class indices and refuses one that is out of range."""
    if output.ndim != 2 or output.shape[1] < 2:
        return False
    fake = torch.full_like(output.detach()[:2], 0.5)
    last = torch.full((len(fake),), output.shape[1] - 1, device=output.device)
    try:
        with torch.no_grad():
            loss_fn(fake, last)
    except Exception:
        return False
    try:
        with torch.no_grad():
            loss_fn(fake, last + 1)
    except (IndexError, RuntimeError):
        return True
    return False


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 240 else text[:237] + "..."
