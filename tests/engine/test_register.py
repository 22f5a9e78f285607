"""What others add: by name, held against what it says, and trained with."""

import numpy as np
import pytest
import torch

from fa_engine import (
    ACTIVATIONS,
    DATASETS,
    LOSSES,
    MATRICES,
    MEASURES,
    SCHEMES,
    SIGNALS,
    Loss,
    Matrices,
    MeasureError,
    RegistryError,
    RunConfig,
    Scheme,
    Trainer,
    allowed,
    problems,
    register,
)
from fa_engine.files.script import as_script
from fa_engine.optimizers import SCHEDULES
from fa_engine.seeding import DISTRIBUTIONS

TABLES = (ACTIVATIONS, DATASETS, DISTRIBUTIONS, LOSSES, MATRICES, MEASURES, SCHEDULES, SCHEMES)
SMALL = {"hidden": (6, 5), "replicates": 2, "epochs": 1, "batch_size": 100}


@pytest.fixture(autouse=True)
def _as_they_were():
    """Tables are as they were after each test."""
    tables = (*TABLES, SIGNALS)
    before = [(dict(table), dict(table.origins)) for table in tables]
    yield
    for table, (rows, origins) in zip(tables, before, strict=True):
        table.clear()
        table.update(rows)
        table.origins.clear()
        table.origins.update(origins)


def first(config, **more):
    """The first measurement of a run, and its trainer."""
    trainer = Trainer(config, **more)
    return next(iter(trainer)), trainer


def row(**changes):
    parts = {"route": "direct", "signal": "error", "matrix": "random"} | changes
    return Scheme("Mine", "mine", *parts.values(), "One sentence.", "here")


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Mine", "my scheme", "1st", "a" * 41, "bp", 3])
def test_a_name_that_cannot_be_one_or_is_taken_is_refused(name):
    with pytest.raises(RegistryError, match="allowed is"):
        register.scheme(name, row())
    assert "mine" not in SCHEMES


def test_who_added_a_row_may_add_it_again_and_nobody_else():
    register.scheme("mine", row())
    register.scheme("mine", row(route="layerwise"))
    assert SCHEMES["mine"].route == "layerwise"
    assert SCHEMES.origins["mine"] == __name__
    other = {"__name__": "another", "register": register, "row": row}
    with pytest.raises(RegistryError, match=f"a row of {__name__}"):
        exec("register.scheme('mine', row())", other)


def test_the_engines_own_rows_stay():
    with pytest.raises(RegistryError, match="a row of fa_engine"):
        register.scheme("fa", row())
    assert SCHEMES["fa"].route == "layerwise"


# -- schemes and their parts ----------------------------------------------------------------------


def test_a_scheme_that_is_added_can_be_chosen_and_is_listed():
    with pytest.raises(ValueError, match="mine"):
        RunConfig(scheme="mine")
    register.scheme("mine", row())
    assert "mine" in allowed("scheme")
    mine, _ = first(RunConfig(scheme="mine", **SMALL))
    dfa, _ = first(RunConfig(scheme="dfa", **SMALL))
    np.testing.assert_array_equal(mine.gradient_angle_deg, dfa.gradient_angle_deg)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"route": "sideways"}, "route = 'sideways': allowed is one of 'layerwise', 'direct'"),
        ({"signal": "nothing"}, "signal = 'nothing'"),
        ({"matrix": "nothing"}, "matrix = 'nothing'"),
        ({"matrix": "sign"}, "route, with matrix 'sign' = 'direct': allowed is one of 'layerwise'"),
    ],
)
def test_a_scheme_of_parts_that_are_not_there_is_refused(changes, said):
    with pytest.raises(RegistryError) as told:
        register.scheme("mine", row(**changes))
    assert said in str(told.value)


def test_a_signal_gets_the_error_of_each_sample_not_divided_by_their_number():
    seen = []

    @register.signal("doubled", title="Twice the error")
    def doubled(e, y):
        seen.append((e.clone(), y))
        return 2 * e

    register.scheme("mine", row(signal="doubled"))
    _, trainer = first(RunConfig(scheme="mine", **SMALL))
    x, y = trainer.batch()
    e = torch.softmax(trainer.network.forward(x).outputs, -1) - y
    torch.testing.assert_close(seen[-1][0], e)
    _, plain = first(RunConfig(scheme="dfa", **SMALL))
    of_mine, of_plain = trainer._look(True).measurement, plain._look(True).measurement
    np.testing.assert_allclose(of_mine.update_norm, 2 * of_plain.update_norm, rtol=1e-5)


def test_whether_a_signal_fades_as_the_error_is_seen_from_it():
    register.signal("clipped", title="c")(lambda e, _y: e.clamp(-0.1, 0.1))
    register.signal("doubled", title="d")(lambda e, _y: 2 * e)
    register.signal("ones", title="o")(lambda e, _y: torch.ones_like(e))
    assert [SIGNALS[n].fades for n in ("clipped", "doubled", "ones")] == [True, False, False]


def test_a_signal_of_another_shape_is_refused():
    with pytest.raises(RegistryError, match=r"signal 'summed' gave \(3, 1\)"):
        register.signal("summed", title="s")(lambda e, _y: e.sum(-1, keepdim=True))


def test_matrices_that_are_added_carry_the_signal():
    @register.matrices("ones")
    class Ones(Matrices):
        title = "Ones"

        def make(self):
            like = self.network.weights[0]
            return tuple(like.new_ones(len(self.options.seeds), *shape) for shape in self.shapes)

    register.scheme("mine", row(matrix="ones"))
    _, trainer = first(RunConfig(scheme="mine", **SMALL))
    assert all((matrix == 1).all() for matrix in trainer.feedback.matrices)
    assert trainer.feedback.is_fixed_random


def test_matrices_that_are_refreshed_are_not_taken_for_fixed_ones():
    @register.matrices("restless")
    class Restless(Matrices):
        title = "Restless"

        def refresh(self, step):
            for matrix in self.tensors:
                matrix.add_(step)

    assert not Restless.is_fixed
    assert Restless.motion == "unsaid"
    register.scheme("mine", row(matrix="restless"))
    trainer = Trainer(RunConfig(scheme="mine", **SMALL))
    drawn = [matrix.clone() for matrix in trainer.feedback.matrices]
    for _ in range(3):
        trainer.advance()
    for now, before in zip(trainer.feedback.matrices, drawn, strict=True):
        torch.testing.assert_close(now, before + 0 + 1 + 2)


@pytest.mark.parametrize("kind", [object, type("Nameless", (Matrices,), {}), 3])
def test_what_are_no_matrices_is_refused(kind):
    with pytest.raises(RegistryError, match="allowed is a"):
        register.matrices("mine")(kind)


# -- measures -------------------------------------------------------------------------------------


def add_measure(of, **changes):
    words = {"title": "Mine", "unit": "norm", "text": "One sentence.", "shape": "RH"} | changes
    return register.measure("mine", **words)(of)


@pytest.mark.parametrize("replicates", [1, 3])
def test_a_moment_has_what_the_measures_are_made_of(replicates):
    add_measure(lambda at: torch.stack([g.flatten(1).norm(dim=1) for g in at.gradients[:-1]], 1))
    m, _ = first(RunConfig(**SMALL | {"replicates": replicates}))
    np.testing.assert_allclose(m.mine, m.gradient_norm, rtol=1e-5)
    add_measure(lambda at: torch.stack([u.flatten(1).norm(dim=1) for u in at.updates[:-1]], 1))
    m, _ = first(RunConfig(**SMALL | {"replicates": replicates}))
    np.testing.assert_allclose(m.mine, m.update_norm, rtol=1e-5)
    assert m.mine.dtype == np.float64
    assert m.to_dict()["mine"] is m.mine


def test_measuring_ones_own_changes_no_training():
    config = RunConfig(**SMALL | {"measure_every": 3})
    plain = [m.loss for m in Trainer(config)]
    add_measure(lambda at: at.updates[0].new_zeros(2, 2) + at.gradients[0].sum())
    assert all(
        np.array_equal(*of) for of in zip(plain, [m.loss for m in Trainer(config)], strict=True)
    )


def test_a_replicate_that_has_diverged_has_no_value_of_it():
    add_measure(lambda at: np.ones(at.network.replicates), shape="R")
    config = RunConfig(activation="relu", loss="squared_error", learning_rate=50, **SMALL)
    *_, last = Trainer(config)
    assert np.isnan(last.mine).all()


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (lambda _at: np.zeros((2, 7)), "shape (2, 7): allowed is (2, 2)"),
        (lambda _at: None, "gave None"),
        (lambda _at: "much", "gave str: allowed is an array"),
        (lambda at: at.nothing, "failed: AttributeError"),
    ],
)
def test_a_measure_that_gives_something_else_ends_the_run_by_name(of, said):
    add_measure(of)
    with pytest.raises(MeasureError) as told:
        first(RunConfig(**SMALL))
    assert said in str(told.value)
    assert f"'mine' of {__name__}" in str(told.value)


def test_a_sparse_measure_may_be_missing():
    add_measure(lambda at: np.ones((2, 2)) if at.step else None, sparse=True)
    found = [m.mine for m in Trainer(RunConfig(measure_every=1, **SMALL))]
    assert found[0] is None
    assert all(value.all() for value in found[1:])


@pytest.mark.parametrize("changes", [{"shape": "RR"}, {"title": ""}, {"best": "most"}])
def test_a_measure_without_its_words_is_refused(changes):
    with pytest.raises(RegistryError, match="measure 'mine'"):
        add_measure(lambda _at: None, **changes)
    assert "mine" not in MEASURES


def test_what_is_no_measure_is_no_attribute():
    m, _ = first(RunConfig(**SMALL))
    with pytest.raises(AttributeError, match="mine"):
        _ = m.mine


# -- data -----------------------------------------------------------------------------------------


def samples(n=90, shape=(3, 2), classes=3, seed=0):
    source = np.random.default_rng(seed)
    return source.normal(size=(n, *shape)), np.arange(n) % classes


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_trained_on_and_never_written_into(kind, dtype):
    x, y = samples()
    given = [kind(x.astype(dtype)), kind(y), kind(x.astype(dtype)), kind(y)]
    before = [np.asarray(array).copy() for array in given]
    register.arrays("mine", *given)
    config = RunConfig(dataset="mine", **SMALL | {"batch_size": 30, "epochs": 3, "dtype": dtype})
    for _ in range(3):
        found, trainer = first(config)
        assert trainer.network.weights[0].shape[-1] == 6
        np.testing.assert_array_equal(trainer.data.x_train.numpy(), before[0].reshape(90, 6))
    for array, old in zip(given, before, strict=True):
        np.testing.assert_array_equal(np.asarray(array), old)
    assert np.isfinite(found.loss).all()


def test_images_take_convolutions_and_targets_regression():
    x, _ = samples(shape=(6, 6, 1))
    y = x.reshape(90, -1)[:, :2]
    register.arrays("mine", x, y, x, y)
    small = SMALL | {"batch_size": 30, "hidden": ("conv 3x3", 5)}
    *_, last = Trainer(RunConfig(dataset="mine", loss="squared_error", **small))
    assert np.isfinite(last.test_loss).all()


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, np.full((90, 3, 2), np.nan), "x_train[0, 0, 0] = nan: allowed are finite numbers"),
        (0, np.zeros(90), "x_train has the shape (90,)"),
        (0, [["a"]], "x_train is no array of numbers"),
        (1, np.arange(90) % 3 - 1, "y_train[0] = -1: allowed are whole numbers from 0 to 1"),
        (1, np.full(90, 0.5), "y_train[0] = 0.5"),
        (1, np.zeros(80), "y_train has the shape (80,)"),
        (1, np.zeros(90), "y_test[2] = 2: allowed are whole numbers from 0 to 1"),
        (2, np.zeros((90, 4)), "x_test has samples of shape (4,)"),
        (3, np.arange(90) % 4, "y_test[3] = 3: allowed are whole numbers from 0 to 2"),
        (3, np.zeros((90, 2)), "y_test has targets of shape (2,)"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused_by_name_value_and_what_is_allowed(
    place, value, said
):
    x, y = samples()
    given = [x, y, x, y]
    given[place] = value
    with pytest.raises(RegistryError) as told:
        register.arrays("mine", *given)
    assert said in str(told.value)
    assert "mine" not in DATASETS


def test_a_built_in_data_set_is_not_scaled_twice():
    """What a source keeps and gives again is its own."""
    spec = DATASETS["digits"]
    kept = spec.read(None, None)
    register.dataset("mine", type(spec)("Mine", spec.shape, 10, spec.n_train, spec.n_test,
                                        lambda *_: kept, "Kept.", spec.scale))  # fmt: skip
    largest = [float(Trainer(RunConfig(dataset="mine")).data.x_train.max()) for _ in range(3)]
    assert largest == [1.0, 1.0, 1.0]


# -- activations, losses, schedules, distributions ----------------------------------------------


def test_an_activation_is_held_against_its_derivative():
    register.activation("cube", title="Cube", derivative=lambda a: 3 * a * a)(lambda a: a**3)
    with pytest.raises(RegistryError, match="derivative is"):
        register.activation("wrong", title="Wrong", derivative=lambda a: a * a)(lambda a: a**3)
    with pytest.raises(RegistryError, match="writes into its input"):
        register.activation("greedy", title="G", derivative=torch.ones_like)(torch.relu_)
    with pytest.raises(RegistryError, match="is_homogeneous"):
        register.activation("c", title="C", derivative=lambda a: 3 * a * a, is_homogeneous=True)(
            lambda a: a**3
        )
    assert "wrong" not in ACTIVATIONS


def test_an_activation_that_is_added_is_that_of_the_engine():
    register.activation("mine", title="Mine", derivative=lambda a: 1 - a.tanh() ** 2)(torch.tanh)
    config = RunConfig(dtype="float64", scheme="bp", **SMALL)
    *_, mine = Trainer(config.replace(activation="mine"))
    *_, own = Trainer(config)
    np.testing.assert_allclose(mine.loss, own.loss, rtol=1e-10)


def test_a_loss_is_held_against_its_derivatives():
    own = LOSSES["cross_entropy"]
    register.loss("mine", Loss("Mine", own.of_samples, own.error, own.curvature))
    with pytest.raises(RegistryError, match="error is"):
        register.loss("wrong", Loss("Wrong", own.of_samples, lambda f, y: y - f))
    with pytest.raises(RegistryError, match="curvature is"):
        register.loss(
            "wrong", Loss("W", own.of_samples, own.error, lambda f: torch.diag_embed(f * 0 + 1))
        )


def test_a_schedule_that_is_added_sets_the_rate():
    @register.schedule("warm", title="Warm-up")
    def warm(epoch, _epochs, every, _factor):
        return min(1.0, (epoch + 1e-3) / every)

    trainer = Trainer(RunConfig(schedule="warm", schedule_every=2, **SMALL))
    trainer.advance()
    assert trainer.optimizer.rate == pytest.approx(0.1 * 1e-3 / 2)
    with pytest.raises(RegistryError, match=r"gave -1.* allowed is a number from 0 on"):
        register.schedule("wrong", title="W")(lambda *_: -1)


def test_a_distribution_has_mean_0_and_variance_1():
    @register.distribution("signs", title="Signs")
    def signs(shape, source):
        return torch.randint(2, shape, generator=source).double() * 2 - 1

    _, trainer = first(RunConfig(weight_init="signs", weight_std=0.5, **SMALL))
    assert set(Trainer(trainer.config).network.weights[0].abs().unique().tolist()) == {0.5}
    with pytest.raises(RegistryError, match="mean square 4"):
        register.distribution("loud", title="L")(lambda shape, source: 2 * signs(shape, source))


def test_a_configuration_names_what_its_parts_are_from():
    register.scheme("mine", row())
    config = RunConfig(scheme="mine")
    assert config.plugins == (__name__,)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert "plugins" not in RunConfig().model_dump_json()
    written = config.model_dump(mode="json")
    del SCHEMES["mine"]
    with pytest.raises(ValueError, match="would bring it and is not loaded here") as told:
        RunConfig.model_validate(written)
    (problem,) = problems(told.value)
    assert problem.field == "scheme"
    assert problem.value == "mine"


def test_arrays_of_one_class_teach_nothing():
    x, _ = samples()
    with pytest.raises(RegistryError, match="y_train has one class, 0: allowed are two or more"):
        register.arrays("mine", x, np.zeros(90), x, np.zeros(90))


def test_a_script_that_repeats_a_run_imports_what_it_needs():
    register.scheme("mine", row())
    config = RunConfig(scheme="mine")
    text = as_script(config, name="mine", last_step=1, threads=1)
    assert f"\nimport {__name__}  # noqa" in text
    assert "import __main__" not in text
    assert "import test" not in as_script(RunConfig(), name="fa", last_step=1, threads=1)


@pytest.mark.parametrize("name", ["without", "replicate", "diverged", "run", "config_a", "epoch"])
def test_a_measure_of_a_name_that_tables_or_measurements_have_is_refused(name):
    words = {"title": "Mine", "unit": "norm", "text": "One sentence.", "shape": "R"}
    with pytest.raises(RegistryError, match="allowed is a name that"):
        register.measure(name, **words)(lambda _moment: None)


@pytest.mark.parametrize(
    "told", ["rules", ["\ud800"], ["\x1b]0;x"], ["a b"], [3], ["a" * 101], ["a"] * 21, {"a": 1}]
)
def test_what_are_no_names_of_modules_is_refused(told):
    with pytest.raises(ValueError, match="plugins") as caught:
        RunConfig.model_validate({"scheme": "nope", "plugins": told})
    (problem,) = problems(caught.value)
    assert problem.field == "plugins"
    assert problem.message.isprintable()
    problem.message.encode()
