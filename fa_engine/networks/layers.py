"""Layers as text and as geometry: fully connected ones, and convolutions as products on patches.

A convolution is a fully connected layer on patches: once the patches of a batch lie side by side,
forward pass, feedback, update and measures are the very products of a dense layer, with a leading
replicate dimension for nothing. Pooling belongs to the convolution before it, so that layers are
counted by their weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from fa_engine.typed import Unclear, entries

MAX_DEPTH = 32
MAX_WIDTH = 16_384
MAX_KERNEL = 64
ALLOWED = (
    f"1 to {MAX_DEPTH} layers from the input up, each a width from 1 to {MAX_WIDTH} or, before all "
    "widths, a convolution such as conv 16x5 (16 channels, 5 x 5 kernel) with pool 2 after it"
)

Spec = int | str  # one entry of RunConfig.hidden
Shape = tuple[int, ...]  # of one sample: (n,) or (height, width, channels)


class LayerError(ValueError):
    """The layers cannot be built; the message says what is allowed."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer.

    Attributes:
        fan_in: inputs of a neuron.
        n_out: neurons.
    """

    fan_in: int
    n_out: int

    @property
    def fan_out(self) -> int:
        """Neurons that an input reaches."""
        return self.n_out

    @property
    def output_shape(self) -> Shape:
        """Of one sample."""
        return (self.n_out,)

    @property
    def operand_size(self) -> int:
        """Values that one sample takes on its way through this layer."""
        return self.fan_in + self.n_out

    @property
    def multiplications(self) -> int:
        """Of one sample on its way through this layer."""
        return self.fan_in * self.n_out

    def gather(self, h: Float[Tensor, "*R N n"]) -> Float[Tensor, "*R N n"]:
        """The operand that the weights multiply: ``h`` itself, ``(..., N, n)``."""
        return h

    def scatter(self, back: Float[Tensor, "*R N n"]) -> Float[Tensor, "*R N n"]:
        """The transpose of :meth:`gather`: ``back`` itself, ``(..., N, n)``."""
        return back

    def shrink(
        self, h: Float[Tensor, "*R N n"]
    ) -> tuple[Float[Tensor, "*R N n"], tuple[Tensor, ...]]:
        """From activations ``h``, ``(..., N, n)``, to the next layer's input, here the same, and
        what :meth:`expand` needs."""
        return h, ()

    def expand(
        self, back: Float[Tensor, "*R N n"], _memo: tuple[Tensor, ...]
    ) -> Float[Tensor, "*R N n"]:
        """The transpose of :meth:`shrink`: ``back`` itself, ``(..., N, n)``."""
        return back


@dataclass(frozen=True)
class Conv:
    """A convolution without padding, stride 1, followed by max pooling.

    Samples are flat, channels last. Operands are ``(N * positions, fan_in)``, behind a leading
    ``R`` where there are several replicates.

    Attributes:
        input_shape: ``(height, width, channels)``.
        n_out: output channels.
        kernel: height and width of the kernel.
        pool: height and width that max pooling takes together; 1: none.
    """

    input_shape: tuple[int, int, int]
    n_out: int
    kernel: int
    pool: int

    @property
    def fan_in(self) -> int:
        """Inputs of a neuron, which are channels, then kernel rows, then kernel columns."""
        return self.input_shape[2] * self.kernel**2

    @property
    def fan_out(self) -> int:
        """Neurons that an input reaches, away from the borders."""
        return self.n_out * self.kernel**2

    @property
    def grid(self) -> tuple[int, int]:
        """Positions of the kernel."""
        return self.input_shape[0] - self.kernel + 1, self.input_shape[1] - self.kernel + 1

    @property
    def output_shape(self) -> Shape:
        """Of one sample, pooled."""
        return self.grid[0] // self.pool, self.grid[1] // self.pool, self.n_out

    @property
    def operand_size(self) -> int:
        """Values that one sample takes on its way through this layer."""
        return prod(self.grid) * (self.fan_in + 2 * self.n_out)

    @property
    def multiplications(self) -> int:
        """Of one sample on its way through this layer."""
        return prod(self.grid) * self.fan_in * self.n_out

    def gather(self, h: Float[Tensor, "*R N n"]) -> Float[Tensor, "*R m {self.fan_in}"]:
        """Patches ``(..., N * positions, fan_in)`` of samples ``h``, ``(..., N, n)``."""
        lead, size = h.shape[:-2], self.kernel
        images = h.reshape(-1, *self.input_shape)
        patches = images.unfold(1, size, 1).unfold(2, size, 1)
        return patches.reshape(*lead, h.shape[-2] * prod(self.grid), self.fan_in)

    def scatter(self, back: Float[Tensor, "*R m {self.fan_in}"]) -> Float[Tensor, "*R N n"]:
        """Sums patches ``back``, ``(..., N * positions, fan_in)``, into samples ``(..., N, n)``."""
        lead, positions = back.shape[:-2], prod(self.grid)
        columns = back.reshape(-1, positions, self.fan_in).mT
        images = functional.fold(columns, self.input_shape[:2], self.kernel)
        n = back.shape[-2] // positions
        return images.permute(0, 2, 3, 1).reshape(*lead, n, prod(self.input_shape))

    def shrink(
        self, h: Float[Tensor, "*R m {self.n_out}"]
    ) -> tuple[Float[Tensor, "*R N n"], tuple[Tensor, ...]]:
        """Pools activations ``h``, ``(..., N * positions, n_out)``, to ``(..., N, n)``; beside them
        what :meth:`expand` needs."""
        lead, n = h.shape[:-2], h.shape[-2] // prod(self.grid)
        images = h.reshape(-1, *self.grid, self.n_out).permute(0, 3, 1, 2)
        if self.pool == 1:
            return h.reshape(*lead, n, -1), ()
        pooled, chosen = functional.max_pool2d(images, self.pool, return_indices=True)
        return pooled.permute(0, 2, 3, 1).reshape(*lead, n, -1), (images, chosen)

    def expand(
        self, back: Float[Tensor, "*R N n"], memo: tuple[Tensor, ...]
    ) -> Float[Tensor, "*R m {self.n_out}"]:
        """Hands ``back``, ``(..., N, n)``, on to the positions that won, as the ``memo`` of
        :meth:`shrink` has them: ``(..., N * positions, n_out)``."""
        lead, n = back.shape[:-2], back.shape[-2]
        if memo:
            images, chosen = memo
            pooled = back.reshape(-1, *self.output_shape).permute(0, 3, 1, 2)
            back = torch.ops.aten.max_pool2d_with_indices_backward(
                pooled.contiguous(memory_format=torch.channels_last),
                images,
                [self.pool] * 2,
                [self.pool] * 2,
                [0, 0],
                [1, 1],
                False,
                chosen,
            ).permute(0, 2, 3, 1)
        return back.reshape(*lead, n * prod(self.grid), self.n_out)


Layer = Dense | Conv


def parse(hidden: object) -> tuple[Spec, ...]:
    """Layers as a person or a program writes them, in one form.

    Args:
        hidden: ``"256, 256"``, ``(256, 256)``, ``"conv 16x5, pool 2, 128"``, ...

    Returns:
        Widths as integers, the rest as ``conv CxK`` and ``pool P``.

    Raises:
        LayerError: it is none of these.
    """
    if isinstance(hidden, str):
        try:
            hidden = entries(hidden.lower(), spaces=not re.search("conv|pool", hidden.lower()))
        except Unclear as error:
            raise LayerError(f"{ALLOWED}: {error.hint}") from None
    if not isinstance(hidden, (list, tuple)):
        hidden = [hidden]
    if not 1 <= len(hidden) <= 2 * MAX_DEPTH:
        raise LayerError(ALLOWED)
    return tuple(_entry(item) for item in hidden)


def _entry(item: object) -> Spec:
    if isinstance(item, bool) or not isinstance(item, (Real, str)):
        raise LayerError(ALLOWED)
    text = str(item).strip().lower()
    if not isinstance(item, str):
        text = text.removesuffix(".0")
    if re.fullmatch(r"\d{1,9}", text):
        width = int(text)
        if 1 <= width <= MAX_WIDTH:
            return width
    elif match := re.fullmatch(r"conv\s*(\d{1,9})\s*[x×]\s*(\d{1,9})", text):
        channels, kernel = map(int, match.groups())
        if 1 <= channels <= MAX_WIDTH and 1 <= kernel <= MAX_KERNEL:
            return f"conv {channels}x{kernel}"
    elif (match := re.fullmatch(r"pool\s*(\d{1,9})", text)) and 1 <= int(match[1]) <= MAX_KERNEL:
        return f"pool {int(match[1])}"
    raise LayerError(ALLOWED)


def build_layers(
    hidden: Sequence[Spec], n_features: int, image_shape: Shape | None, n_classes: int
) -> tuple[Layer, ...]:
    """All layers of a network, the output layer included.

    Args:
        hidden: what :func:`~fa_engine.networks.layers.parse` returned.
        n_features: values a sample.
        image_shape: ``(height, width, channels)`` where samples are images.
        n_classes: outputs.

    Raises:
        LayerError: a convolution on flat data, behind a width, or larger than what it is given.
    """
    layers: list[Layer] = []
    shape: Shape = image_shape or (n_features,)
    for entry in hidden:
        if isinstance(entry, int):
            layers.append(Dense(prod(shape), entry))
        elif entry.startswith("pool"):
            last = layers[-1] if layers else None
            if not isinstance(last, Conv) or last.pool != 1:
                raise LayerError("pool P directly after a conv CxK")
            layers[-1] = Conv(last.input_shape, last.n_out, last.kernel, int(entry[5:]))
        else:
            if len(shape) != 3:
                flat = "samples that are images" if not layers else "conv before all widths"
                raise LayerError(f"widths alone on this data: a conv needs {flat}")
            channels, kernel = map(int, entry[5:].split("x"))
            layers.append(Conv((shape[0], shape[1], shape[2]), channels, kernel, 1))
        shape = layers[-1].output_shape
        if min(shape) < 1 or (isinstance(layers[-1], Conv) and min(layers[-1].grid) < 1):
            raise LayerError(f"layers that leave at least one value: {entry} leaves none")
    if len(layers) > MAX_DEPTH:
        raise LayerError(ALLOWED)
    layers.append(Dense(prod(shape), n_classes))
    return tuple(layers)
