"""Saving, loading and going on equals never having stopped, bit for bit."""

import errno
import json
import resource

import numpy as np
import pytest
import safetensors
import torch
from safetensors.torch import save_file

from fa_engine import SCHEMES, CheckpointError, RunConfig, Trainer
from fa_engine.dynamics.branching import handed_config
from fa_engine.training.checkpoint import FORMAT, made_with

CONFIG = RunConfig(hidden=(12, 9), batch_size=32, epochs=2, replicates=2, evaluate_every=30)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"momentum": 0.9, "replicates": 1},
        {"optimizer": "nesterov", "momentum": 0.9},
        {"optimizer": "rmsprop", "learning_rate": 0.001},
        {"optimizer": "adam", "learning_rate": 0.001, "replicates": 1},
        {"optimizer": "adamw", "learning_rate": 0.001, "schedule": "cosine"},
        {"delay_modules": 3},
        {"walk": True},
        {"delay_modules": 2, "replicates": 1},
        # Unfolded patches are on their way with the error.
        {
            "hidden": "conv 4x3, pool 2, 9",
            "delay_modules": 3,
            "optimizer": "adam",
            "learning_rate": 0.001,
        },
    ],
    ids=lambda fields: "-".join(map(str, fields.values())) or "plain",
)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_resuming_is_exact(tmp_path, scheme, fields):
    config = CONFIG.replace(scheme=scheme, **fields)
    unbroken = Trainer(config)
    broken = Trainer(config)
    for _ in range(37):
        unbroken.advance()
        broken.advance()
    broken.save(tmp_path / "run.safetensors")
    resumed = Trainer.load(tmp_path / "run.safetensors")
    assert resumed.step == 37
    for a, b in zip(unbroken, resumed, strict=True):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(value, vars(b)[name], err_msg=name)
    for a, b in zip(unbroken.network.weights, resumed.network.weights, strict=True):
        assert torch.equal(a, b)
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_live_changes_and_changed_matrices_are_kept(tmp_path):
    trainer = Trainer(CONFIG.replace(scheme="bp"))
    trainer.advance()
    trainer.scheme, trainer.learning_rate = "fa", 0.025
    trainer.feedback.matrices[0].mul_(3)
    trainer.save(tmp_path / "c")
    loaded = Trainer.load(tmp_path / "c")
    assert (loaded.scheme, loaded.learning_rate) == ("fa", 0.025)
    assert torch.equal(loaded.feedback.matrices[0], trainer.feedback.matrices[0])
    assert loaded.config == trainer.config


@pytest.mark.parametrize("parts", [{"matrix": "sign"}, {"signal": "sign"}, {"route": "direct"}])
def test_a_composed_scheme_and_the_way_back_from_it_are_kept(tmp_path, parts):
    composed = Trainer(CONFIG.replace(**parts))
    composed.scheme = "fa"  # the row, not what the run was composed of
    plain = Trainer(CONFIG)
    assert composed.feedback.scheme == plain.feedback.scheme
    for scheme in ("bp", "fa"):
        composed.scheme = scheme
    for _ in range(5):
        composed.advance()
        plain.advance()
    composed.save(tmp_path / "c")
    resumed = Trainer.load(tmp_path / "c")
    assert resumed.feedback.scheme == plain.feedback.scheme
    assert torch.equal(resumed.network.weights[0], plain.network.weights[0])
    fresh = Trainer(CONFIG.replace(**parts))
    fresh.save(tmp_path / "d")
    assert Trainer.load(tmp_path / "d").feedback.scheme == fresh.feedback.scheme


def test_a_finished_run_stays_finished(tmp_path):
    trainer = Trainer(CONFIG.replace(epochs=1))
    list(trainer)
    trainer.save(tmp_path / "c")
    assert list(Trainer.load(tmp_path / "c")) == []


def test_another_file_is_refused_by_name(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match=r"notes\.txt"):
        Trainer.load(path)
    with pytest.raises(CheckpointError, match="absent"):
        Trainer.load(tmp_path / "absent")
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=FORMAT):
        Trainer.load(path)
    save_file({"w": torch.zeros(1)}, path, {"format": FORMAT, "config": '{"new_knob": 1}'})
    with pytest.raises(CheckpointError, match="another version"):
        Trainer.load(path)
    Trainer(CONFIG).save(path)
    with safetensors.safe_open(path, "pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del header["digest"]  # of another network of this version, say
    save_file(tensors | {"weight.0": torch.zeros(1)}, path, header)
    with pytest.raises(CheckpointError, match=r"lacks weight\.0"):
        Trainer.load(path)


def saved(path):
    """Header and tensors of a checkpoint that has every kind of tensor."""
    trainer = Trainer(
        CONFIG.replace(optimizer="adam", learning_rate=0.001, delay_modules=3, walk=True)
    )
    for _ in range(5):
        trainer.advance()
    trainer.save(path)
    with safetensors.safe_open(path, "pt") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize(
    "start",
    ["weight.", "bias.", "feedback.", "optimizer.", "waiting.", "walk.start", "walk.path"],
)
def test_a_checkpoint_that_lacks_tensors_is_refused(tmp_path, start):
    path = tmp_path / "c"
    header, tensors = saved(path)
    name = next(name for name in sorted(tensors) if name.startswith(start))
    del tensors[name]
    save_file(tensors, path, header)
    with pytest.raises(CheckpointError, match=f"c is not complete: it lacks {name}"):
        Trainer.load(path)


@pytest.mark.parametrize("place", [-1, -1000, -3000])
def test_a_flipped_bit_is_noticed(tmp_path, place):
    path = tmp_path / "c"
    header, _ = saved(path)
    whole = path.read_bytes()
    Trainer.load(path)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place:][1:])
    with pytest.raises(CheckpointError, match="c is damaged: its checksum does not fit"):
        Trainer.load(path)
    told = made_with(path)
    assert told == json.loads(header["made_with"])
    assert told == {"threads": str(torch.get_num_threads()), "device": "cpu"}


def test_a_changed_rate_is_noticed(tmp_path):
    path = tmp_path / "c"
    header, tensors = saved(path)
    progress = json.loads(header["progress"]) | {"learning_rate": 0.5}
    save_file(tensors, path, header | {"progress": json.dumps(progress)})
    with pytest.raises(CheckpointError, match="c is damaged"):
        Trainer.load(path)


def test_a_mirror_saved_before_its_noise_had_a_knob_goes_on_as_it_was(tmp_path):
    config = CONFIG.replace(scheme="wm", batch_size=32, mirror_samples=32)
    unbroken = Trainer(config)
    for _ in range(3):
        unbroken.advance()
    unbroken.save(tmp_path / "c")
    with safetensors.safe_open(tmp_path / "c", "pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    fields = json.loads(header["config"])
    assert fields.pop("mirror_samples") == 32
    del header["digest"], header["made_with"]  # which no file had then either
    save_file(tensors, tmp_path / "c", header | {"config": json.dumps(fields)})
    loaded = Trainer.load(tmp_path / "c")
    assert loaded.config == config
    for trainer in (unbroken, loaded):
        trainer.advance()
    assert torch.equal(unbroken.feedback.matrices[0], loaded.feedback.matrices[0])


KEYS = [key for key in Trainer(CONFIG).progress() if key != "refreshed"]  # older ones lack it


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("reader", [Trainer.load, handed_config], ids=["load", "hand over"])
def test_a_checkpoint_that_lacks_progress_is_refused(tmp_path, reader, key):
    path = tmp_path / "c"
    header, tensors = saved(path)
    progress = json.loads(header["progress"])
    del progress[key]
    save_file(tensors, path, header | {"progress": json.dumps(progress)})
    with pytest.raises(CheckpointError, match=key):
        reader(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", "five"),
        ("step", -1),
        ("step", 10**9),
        ("step", 2.5),
        ("finished", "no"),
        ("diverged_at", [None]),
        ("diverged_at", 0),
        ("drawn_as", [0, 1, 2]),
        ("drawn_as", None),
        ("learning_rate", -1.0),
        ("learning_rate", "fast"),
        ("scheme", "magic"),
        ("scheme", 3),
        ("route", "around"),
        ("matrix", "sign of the times"),
    ],
)
def test_progress_that_no_run_makes_is_refused(tmp_path, key, value):
    path = tmp_path / "c"
    header, tensors = saved(path)
    progress = json.loads(header["progress"]) | {key: value}
    save_file(tensors, path, header | {"progress": json.dumps(progress)})
    for reader in (Trainer.load, handed_config):
        with pytest.raises(CheckpointError, match=key):
            reader(path)
    save_file(tensors, path, header | {"progress": "[]"})
    with pytest.raises(CheckpointError):
        Trainer.load(path)


def test_one_that_finds_no_room_leaves_the_one_before(tmp_path):
    """What the kernel refuses here, a file that is too large, it refuses as it does a full disk."""
    trainer, path = Trainer(RunConfig(hidden=(400, 400), replicates=2)), tmp_path / "kept"
    trainer.save(path)
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    trainer.advance()
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large") as refused:
            trainer.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert refused.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("scheme", ["fa", "wm"])
def test_one_that_was_to_take_fewer_epochs_goes_on_as_a_longer_one(tmp_path, scheme):
    short, path = Trainer(CONFIG.replace(scheme=scheme)), tmp_path / "kept"
    while short.step < short.total_steps:
        short.advance()
    short.save(path)
    going_on = Trainer.load(path, epochs=4)
    longer = Trainer(CONFIG.replace(scheme=scheme, epochs=4))
    while longer.step < short.total_steps:
        longer.advance()
    rest = list(zip(going_on, longer, strict=True))
    assert rest[-1][0].step == CONFIG.replace(epochs=4).total_steps
    for one, other in rest:
        assert one.step == other.step
        np.testing.assert_array_equal(one.loss, other.loss)
        np.testing.assert_array_equal(one.gradient_angle_deg, other.gradient_angle_deg)
    for name, tensor in longer.state().items():
        assert torch.equal(going_on.state()[name], tensor), name


def test_one_that_has_measured_its_end_goes_on_too(tmp_path):
    trainer, path = Trainer(CONFIG.replace(epochs=1)), tmp_path / "kept"
    list(trainer)
    trainer.save(path)
    assert Trainer.load(path).finished
    going_on = Trainer.load(path, epochs=2)
    assert not going_on.finished
    assert [m.step for m in going_on][-1] == CONFIG.total_steps
