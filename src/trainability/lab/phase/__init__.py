"""Phase diagrams: where training works over one or two axes, trained only where the answer changes.

`phase_diagram` maps a Setup or a problem; `explore` is the refinement alone, over any function that gives outcomes;
`Cells` and `Members` make the runs of it, one by one or as ensembles.
"""

from trainability.lab.phase.axes import Axis, AxisError, axis
from trainability.lab.phase.boundary import Dimension, boundary, boundary_length, box_dimension
from trainability.lab.phase.cells import Cells
from trainability.lab.phase.diagram import Mark, PhaseDiagram, phase_diagram, success_curve
from trainability.lab.phase.explore import OUTCOMES, Explored, explore
from trainability.lab.phase.members import Members
from trainability.lab.phase.predicted import Line, lines

__all__ = [
    "OUTCOMES",
    "Axis",
    "AxisError",
    "Cells",
    "Dimension",
    "Explored",
    "Line",
    "Mark",
    "Members",
    "PhaseDiagram",
    "axis",
    "boundary",
    "boundary_length",
    "box_dimension",
    "explore",
    "lines",
    "phase_diagram",
    "success_curve",
]
