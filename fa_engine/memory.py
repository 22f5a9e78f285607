"""How much memory a run takes at its peak, reckoned before anything is allocated.

A sum of what the engine really holds at once, in bytes, and of the largest of what it holds for a
while: a step, a measurement, a look at the test set, a checkpoint being written.
``tests/engine/test_memory.py`` holds it against processes that train.

Not in it: the program and its libraries, which are there before a run begins, and a checkpoint
that a run is taken up from, which takes its own length besides (:func:`opened_bytes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch

from fa_engine.data.datasets import DATASETS
from fa_engine.feedback.matrices import MATRICES, ROUTES
from fa_engine.feedback.schemes import Scheme, lags
from fa_engine.networks.layers import Conv, Dense, Layer
from fa_engine.networks.network import SMALL_VALUES

EVALUATION_BYTES = 2**26  # of operands at a time: convolutions unfold each sample many times over
ITEM = {"float32": 4, "float64": 8}
DOUBLE = 8
SPARE_BYTES = 64 * 10**6  # what the allocator keeps, and what counts little
SPARE_SHARE = 1.1
FEW_BATCHES = 2  # an epoch of so few may end at a minimum of every batch

# torch says it in a RuntimeError's text alone.
_NO_MEMORY = ("can't allocate memory", "not enough memory")
# Of what learns: copies that an optimiser of torch.optim keeps beside the gradient.
_MOMENTS = {"sgd": 1, "nesterov": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
# Activations whose input is kept beside their output.
_KEEP_INPUT = ("gelu", "erf")
# Copies in float64 of the largest matrix while it is drawn.
_DRAWN, _DRAWN_OTHERWISE = 3, 5  # normal or uniform; orthogonal, or with zeros


class Asked(Protocol):
    """What of a :class:`~fa_engine.config.RunConfig` memory depends on."""

    @property
    def layers(self) -> tuple[Layer, ...]: ...
    @property
    def composition(self) -> Scheme: ...
    @property
    def n_train(self) -> int: ...
    @property
    def dataset(self) -> str: ...
    @property
    def activation(self) -> str: ...
    @property
    def optimizer(self) -> str: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def networks(self) -> int: ...
    @property
    def varied(self) -> tuple[str, ...]: ...
    @property
    def weight_init(self) -> str: ...
    @property
    def feedback_init(self) -> str: ...
    @property
    def feedback_density(self) -> float: ...
    @property
    def delay_modules(self) -> int: ...
    @property
    def mirror_samples(self) -> int: ...
    @property
    def frozen(self) -> tuple[int, ...]: ...
    @property
    def teacher_hidden(self) -> tuple[int, ...]: ...
    @property
    def measures(self) -> str: ...
    @property
    def walk(self) -> bool: ...
    @property
    def dtype(self) -> str: ...


def peak_bytes(config: Asked) -> int:
    """Memory that a run takes at its peak on the device that it runs on, in bytes, about.

    Args:
        config: a :class:`~fa_engine.RunConfig`.
    """
    run = _Reckoned(config)
    held = run.data + run.parameters + run.matrices + run.optimizer + run.waiting + run.walked
    phases = (run.stepping(), run.measuring(), run.saving())
    peak = max(run.loading(), held + run.drawing(), held + max(phases))
    return int(SPARE_SHARE * peak) + SPARE_BYTES


def opened_bytes(config: Asked) -> int:
    """Memory that a trainer takes which is loaded from a checkpoint and takes no step, about."""
    run = _Reckoned(config)
    kept = run.parameters + run.matrices + run.optimizer + run.waiting + run.walked
    return int(SPARE_SHARE * max(run.loading(), run.data + run.drawing() + 2 * kept)) + SPARE_BYTES


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, the machine's or a GPU's."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def in_words(n_bytes: int) -> str:
    """``8.1 GB``, ``350 MB``."""
    if n_bytes >= 10**9:
        return f"{n_bytes / 10**9:,.1f} GB"
    return f"{max(1, round(n_bytes / 10**6)):,} MB"


@dataclass(frozen=True)
class _Sizes:
    """Values of one batch in one layer, all replicates together.

    Attributes:
        rows: of its operands, a position of a convolution each.
        input: what its weights multiply, and is its own: patches, not the outputs below.
        before: what is kept of its outputs before pooling; 0 for the output layer.
        pooled: its outputs, where they are pooled; their places take 8 bytes each.
        delta: its delta, and any other thing of that shape.
        weights: of it.
    """

    rows: int
    input: int
    before: int
    pooled: int
    delta: int
    weights: int


class _Reckoned:
    """The parts, in bytes."""

    def __init__(self, config: Asked) -> None:
        self.config = config
        self.layers = config.layers
        self.item = ITEM[config.dtype]
        self.spec = DATASETS[config.dataset]
        self.scheme = config.composition
        self.matrix = MATRICES[self.scheme.matrix]
        replicates, n = config.networks, config.batch_size
        self.sizes = [
            _sizes(layer, n, replicates, lowest=index == 0)
            for index, layer in enumerate(self.layers)
        ]
        shapes = ROUTES[self.scheme.route].shapes(self.layers)
        own = not self.matrix.is_drawn and not self.matrix.follows_weights  # the weights themselves
        self.fed = [] if own else [replicates * prod(shape) for shape in shapes]
        self.weights = sum(size.weights for size in self.sizes) * self.item
        biases = replicates * sum(layer.n_out for layer in self.layers) * self.item
        self.parameters = self.weights + biases
        self.matrices = self.matrix.copies * sum(self.fed) * self.item
        self.learns = self.parameters + (self.matrices if self.matrix.learns else 0)
        varied = set(config.varied)
        has_momentum = config.momentum > 0 or "momentum" in varied
        self.is_plain = config.optimizer == "sgd" and not has_momentum
        # The update times the rate of each network: of a layer after the other.
        own_steps = ("learning_rate", "weight_decay", "bias_rate", "schedule_factor")
        self.scaled = not varied.isdisjoint(own_steps)
        moments = _MOMENTS[config.optimizer] + (config.optimizer == "rmsprop" and has_momentum)
        self.optimizer = 0 if self.is_plain else (1 + moments) * self.learns
        samples = config.n_train + self.spec.n_test
        self.data = samples * (self.spec.n_features + self.spec.n_classes) * self.item
        if "label_noise" in varied:  # of every network, and of every share
            self.data += 2 * replicates * config.n_train * self.spec.n_classes * self.item

    # -- what stays from one step to the next ---------------------------------------------------

    @property
    def waiting(self) -> int:
        """Products that a delay holds back."""
        late = lags(len(self.layers), self.config.delay_modules)
        return sum(lag * self._product(i) for i, lag in enumerate(late))

    @property
    def walked(self) -> int:
        """Where a walk began, its last step, and the products of that step."""
        if not self.config.walk:
            return 0
        return self.parameters + self.weights + self._last_products()

    def _last_products(self) -> int:
        return sum(self._product(index) for index in range(len(self.layers)))

    def _product(self, index: int) -> int:
        """Delta and input of a layer; the data are the same for all replicates."""
        size, below = self.sizes[index], self._below(index)
        return (size.delta + (size.input or below)) * self.item

    def _below(self, index: int) -> int:
        """Values of a batch that a fully connected layer is given."""
        if index == 0:
            return self.config.batch_size * self.spec.n_features
        return self.config.networks * self.config.batch_size * self.layers[index].fan_in

    # -- what is there for a while --------------------------------------------------------------

    def loading(self) -> int:
        """The data set as it is read, beside what it becomes."""
        spec, config = self.spec, self.config
        n = spec.n_train + spec.n_test
        if config.dataset != "teacher":
            raw = n * spec.n_features * (1 if spec.image_shape else DOUBLE)
            return self.data + 2 * raw + n * spec.n_classes * DOUBLE
        fan_in, most = spec.n_features, 0
        for width in (*config.teacher_hidden, spec.n_classes):
            most = max(most, n * (fan_in + 2 * width) + 2 * width * fan_in)
            fan_in = width
        return self.data + (n * spec.n_features + most) * DOUBLE

    def drawing(self) -> int:
        """Matrices are drawn in float64, one after another."""
        drawn = max(size.weights for size in self.sizes)
        config = self.config
        varied = not {"feedback_density", "weight_init", "feedback_init"}.isdisjoint(config.varied)
        sparse = self.matrix.is_drawn and config.feedback_density < 1
        orthogonal = "orthogonal" in (config.weight_init, config.feedback_init)
        plain = not (sparse or orthogonal or varied)
        copies = _DRAWN if plain else _DRAWN_OTHERWISE
        if self.matrix.is_drawn:
            drawn = max([drawn, *self.fed])
        return copies * drawn // config.networks * DOUBLE

    def stepping(self) -> int:
        """A batch on its way up and back, then the update."""
        update = max(size.delta for size in self.sizes) * self.item if self.scaled else 0
        if not self.is_plain:
            heavy = self.config.optimizer in {"rmsprop", "adam", "adamw"}
            whole = heavy or self.config.weight_decay > 0
            update = self.learns if whole else max(size.weights for size in self.sizes) * self.item
        redrawn = self.drawing() if self.matrix.is_drawn and self.matrix.follows_weights else 0
        slope = self._widest() if self.config.activation == "erf" else 0
        transient = max(update, self._down(), self._mirror(), redrawn, slope)
        return self._batch() + self._deltas() + transient

    def measuring(self) -> int:
        """A batch, the true deltas beside the scheme's, and what is multiplied for the angles."""
        batch, deltas = self._batch(), self._deltas()
        true = 0 if self._is_exact() else deltas
        formed, passing = self._multiplied()
        rows = 3 * self.config.networks * self._rows() * (2 * self.item + DOUBLE)
        looks = [self._evaluation(), self._down(), formed + rows + passing]
        if self.config.walk:
            moved, before = self.weights, formed // (1 if self._is_exact() else 2)
            looks.append(formed + moved + before + max(passing, self._conserved()))
            # After the step the batch goes up once more; the last products are its own by then.
            again = max(batch, 3 * self._widest()) - self._last_products()
            looks.append(formed + again)
        return batch + deltas + true + max(looks)

    def saving(self) -> int:
        """What is copied for a checkpoint; parameters are written from where they are."""
        walked = self.weights + self._last_products() if self.config.walk else 0
        late = lags(len(self.layers), self.config.delay_modules)[0]
        data = late * self.config.networks * self._below(0) * self.item
        return walked + self.waiting + data

    # -- their parts ----------------------------------------------------------------------------

    def _batch(self) -> int:
        """What a forward pass leaves, with samples, targets and errors."""
        n, spec = self.config.batch_size, self.spec
        keeps_input = self.config.activation in _KEEP_INPUT
        values = n * (spec.n_features + spec.n_classes) + self.sizes[-1].delta
        values += sum(size.input for size in self.sizes)
        for size in self.sizes[:-1]:
            values += (2 if keeps_input else 1) * size.before + size.pooled
        places = DOUBLE * sum(size.pooled for size in self.sizes)
        order = 2 * self.config.n_train * DOUBLE
        return values * self.item + places + order

    def _deltas(self) -> int:
        return sum(size.delta for size in self.sizes) * self.item

    def _down(self) -> int:
        """Patches on the way back through a convolution: the product, and its columns."""
        patches = [2 * size.input for size in self.sizes[1:]]
        return max(patches, default=0) * self.item

    def _mirror(self) -> int:
        """Noise of all layers, and one layer's answer to it."""
        if not self.matrix.sees_noise:
            return 0
        shown = self.config.networks * self.config.mirror_samples
        upper = self.layers[1:]
        noise = sum(layer.fan_in for layer in upper) * shown
        answer = max(shown * (layer.fan_in + layer.n_out) for layer in upper)
        # Drawn piece by piece in float64 and cast: about as much lies between the pieces.
        return 2 * (noise + answer + max(self.fed)) * self.item

    def _is_exact(self) -> bool:
        scheme, config = self.scheme, self.config
        exact = (scheme.route, scheme.signal, scheme.matrix) == ("layerwise", "error", "weights")
        return exact and config.delay_modules == 1 and not config.frozen

    def _multiplied(self) -> tuple[int, int]:
        """Update and gradient matrices that are formed and kept, and the most that passes by."""
        formed, passing = 0, 0
        late, replicates = self.config.delay_modules > 1, self.config.networks
        few = self.config.n_train // self.config.batch_size <= FEW_BATCHES
        for index, (size, layer) in enumerate(zip(self.sizes, self.layers, strict=True)):
            n_out, n_in = layer.n_out, layer.fan_in
            rows = size.rows
            taken = 3 * rows * (n_out + n_in) if late else rows * (2 * n_out + n_in)
            if size.weights <= SMALL_VALUES:
                continue
            if taken >= 2 * n_out * n_in:
                formed += size.weights * self.item * (1 if self._is_exact() else 2)
                passing = max(passing, size.weights * self.item)
                continue
            inputs = size.input or self._below(index)
            inner = replicates * rows * rows
            of_rows = max(inner + 3 * size.delta, inputs + size.delta) * self.item
            # Where samples cancel the matrices are formed in float64 after all.
            whole = (3 * size.weights + inputs + size.delta) * DOUBLE // replicates if few else 0
            passing = max(passing, of_rows, whole)
        if self.config.measures == "all":
            if self.scheme.route == "layerwise":
                passing = max([passing, *(size.weights * self.item for size in self.sizes[1:])])
            # What float32 cannot hold is multiplied in float64.
            widest = max(size.delta for size in self.sizes[:-1])
            cast = 3 * DOUBLE * widest // replicates if self.item < DOUBLE else 0
            passing = max(passing, widest * self.item, cast)
        return formed, passing

    def _rows(self) -> int:
        """Rows whose products are taken, of updates, deltas and weights."""
        weights = sum(layer.n_out for layer in self.layers)
        if self.config.measures != "all":
            return weights
        return 2 * weights + sum(size.rows for size in self.sizes[:-1])

    def _conserved(self) -> int:
        """Weights of two layers and a matrix in float64, for what feedback alignment conserves."""
        return 3 * max(size.weights for size in self.sizes) * DOUBLE

    def _widest(self) -> int:
        return max(size.delta for size in self.sizes) * self.item

    def _evaluation(self) -> int:
        """As many test samples as fit a piece, and one at least."""
        operands = self.config.networks * sum(layer.operand_size for layer in self.layers)
        each = operands * self.item
        return min(max(EVALUATION_BYTES, each), self.spec.n_test * each) * 3 // 2


def _sizes(layer: Layer, n: int, replicates: int, lowest: bool) -> _Sizes:
    weights = replicates * layer.n_out * layer.fan_in
    if isinstance(layer, Dense):
        out = replicates * n * layer.n_out
        return _Sizes(n, 0, out, 0, out, weights)
    assert isinstance(layer, Conv)
    rows = n * prod(layer.grid)
    patches = rows * layer.fan_in * (1 if lowest else replicates)
    out = replicates * rows * layer.n_out
    pooled = replicates * n * prod(layer.output_shape) if layer.pool > 1 else 0
    return _Sizes(rows, patches, out, pooled, out, weights)
