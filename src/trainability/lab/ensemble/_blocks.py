"""Stacked tensors in which every member starts at a 64-byte boundary.

Matrix products choose other kernels for other alignments, and loops over elements treat the last few of a tensor
apart from the rest. Both change the last bit of a result with a member's place in the stack. Here each member's entries
fill whole cache lines and the number of slots is a multiple of `QUANTUM`, so that all slots are computed alike.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

QUANTUM = 4  # slots; a stack of one would be multiplied by other kernels, and 4 x 64 bytes are whole vector loops
LINE = 64  # bytes; also torch's own alignment


def blocks(count: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros `(count, *shape)` in which each of `count` blocks is contiguous and starts at a 64-byte boundary.

    >>> blocks(4, (3, 5), torch.float32, torch.device("cpu")).stride()
    (16, 5, 1)
    """
    line = LINE // torch.empty((), dtype=dtype).element_size()
    size = -(-prod(shape) // line) * line
    flat = torch.zeros(count, size, dtype=dtype, device=device)
    inner = [prod(shape[i + 1 :]) for i in range(len(shape))]
    return flat.as_strided((count, *shape), (size, *inner))


def whole(stack: Tensor) -> Tensor:
    """The storage of `blocks` with what fills up the lines, `(count, size)`: one contiguous piece.

    >>> whole(blocks(4, (3, 5), torch.float32, torch.device("cpu"))).shape
    torch.Size([4, 16])
    """
    return stack.as_strided((len(stack), stack.stride(0)), (stack.stride(0), 1))


def placed(stack: Tensor) -> Tensor:
    """The same values in blocks; the tensor itself where it already lies so.

    >>> x = torch.ones(4, 16)
    >>> placed(x) is x, placed(torch.ones(4, 5)).stride()
    (True, (16, 1))
    """
    line = LINE // stack.element_size()
    if stack.is_contiguous() and prod(stack.shape[1:]) % line == 0 and stack.data_ptr() % LINE == 0:
        return stack
    new = blocks(len(stack), tuple(stack.shape[1:]), stack.dtype, stack.device)
    return new.copy_(stack)
