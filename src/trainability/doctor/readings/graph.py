"""What the recorded computation shows: what is trained by nobody, where gradients break, what stands beside what."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NAN = math.nan


@dataclass(frozen=True)
class UnregisteredReading:
    """Tensors that the loss's gradient reaches, that are not the model's or the loss's, and that nothing moves.

    Args:
        numbers: how many numbers they hold; tensors: how many tensors they are; 0 where there are none.
        places: where they were found, as attributes of modules ("layers" or "encoder.blocks"); those that no module
            holds are not among them.
        lost: how many of the tensors were found in none of those places.
        lists, dicts: the places that are lists, and dictionaries, of modules only; others: the rest of the places.
        registered: the model's own trainable numbers.
    """

    numbers: int = 0
    tensors: int = 0
    places: tuple[str, ...] = ()
    lost: int = 0
    lists: tuple[str, ...] = ()
    dicts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    registered: int = 10_000


@dataclass(frozen=True)
class BadGradientReading:
    """A gradient that is NaN or infinite although the loss is finite.

    Args:
        step: optimizer steps before it; 0 is before the first.
        loss: on the batch where it was seen.
        tensors: parameter tensors whose gradient is not finite.
        node: the operation into whose backward finite numbers went and out of which others came ("SqrtBackward0"), or "".
        line: where it was called, "file.py, line 3: y.sqrt()", or "".
        numbers: how many numbers came out of it that are not finite.
    """

    step: int = 0
    loss: float = NAN
    tensors: int = 0
    node: str = ""
    line: str = ""
    numbers: int = 0

    @property
    def operation(self) -> str:
        """The operation in lower case without "Backward0".

        Example:
            >>> BadGradientReading(node="LinalgVectorNormBackward0").operation
            'linalgvectornorm'
        """
        return self.node.split("Backward")[0].lower()


@dataclass(frozen=True)
class CutReading:
    """The gradient by autograd against the loss's own derivatives, by central differences in double precision.

    Args:
        tensors: the trainable tensors for which both differ, those with a gradient of None left out.
        error: the largest difference among them, over the size of the derivative; nan where nothing was compared.
        checked: tensors compared one by one; 0 where all agreed along random directions of all tensors together.
        in_loss: whether the loss alone, with respect to the model's output, shows such a difference.
        calls: how often the user's own code took a tensor out of the graph in one pass (`detach`, `data`, `no_grad`).
        line: where it did so first, "file.py, line 3: h.detach()", or "".
    """

    tensors: tuple[str, ...] = ()
    error: float = NAN
    checked: int = 0
    in_loss: bool = False
    calls: int = 0
    line: str = ""


@dataclass(frozen=True)
class MixingReading:
    """Whether the answer to one sample changes with the other samples of its batch, in eval mode.

    Args:
        change: root mean square of the change where only other samples were exchanged, over the outputs' spread; nan
            where it was not measured.
        samples: in the batch.
        module: the path of the first module whose answer to a sample changed so, and its class; "" for none.
        kind: that module's class.
        swapped: recurrent, attention and transformer modules without batch_first whose input has the batch first.
    """

    change: float = NAN
    samples: int = 0
    module: str = ""
    kind: str = ""
    swapped: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlignmentReading:
    """Whether the loss compares each target with the output at its own place.

    Args:
        places: places whose target was changed and which changed the gradient somewhere.
        misplaced: those of them where the gradient at the same place of the output did not change.
        same_sample: share of the change that stayed in the same sample, over the misplaced.
        output_shape, target_shape: of the batch.
        repair: an order of the output's dimensions in which every target meets its own place, () for none.
    """

    places: int = 0
    misplaced: int = 0
    same_sample: float = NAN
    output_shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    repair: tuple[int, ...] = ()


@dataclass(frozen=True)
class WiringReading:
    """Activations and dropouts at places where they do not belong.

    Args:
        softmaxes: calls of softmax or log-softmax whose values go straight into a layer with weights, by name.
        modules: the paths of those that are modules of their own, called once.
        calls: which calls of softmax and log-softmax they are, from 0 in order of execution.
        feeds: the layers with weights that take them.
        units: how many numbers share a sum of 1, the most among them.
        dropout: the dropout whose values are the output, its module's path, "dropout" for a function, or "".
        dropout_p: its share of values set to 0; dropout_call: which call of dropout it is, from 0.
    """

    softmaxes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    calls: tuple[int, ...] = ()
    feeds: tuple[str, ...] = ()
    units: int = 0
    dropout: str = ""
    dropout_p: float = 0.0
    dropout_call: int = -1


@dataclass(frozen=True)
class GraphReading:
    """All that is read of the recorded computation; a part that was not asked or could not be read has its defaults."""

    unregistered: UnregisteredReading = field(default_factory=UnregisteredReading)
    bad_gradient: BadGradientReading = field(default_factory=BadGradientReading)
    cut: CutReading = field(default_factory=CutReading)
    mixing: MixingReading = field(default_factory=MixingReading)
    alignment: AlignmentReading = field(default_factory=AlignmentReading)
    wiring: WiringReading = field(default_factory=WiringReading)
