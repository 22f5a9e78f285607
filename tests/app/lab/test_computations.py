"""Every computation on checkpoints of every scheme, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from app.lab import (
    DiffusionParams,
    KickParams,
    LandscapeParams,
    LeftOff,
    Params,
    SpectrumParams,
    compute,
    pack_arrays,
    unpack_arrays,
)
from app.lab.computations import kind_of, unstable_of
from app.store import Unstable
from fa_engine import SCHEMES, RunConfig, Trainer
from fa_engine.config import NotAllowed
from fa_engine.dynamics.diffusion import Trajectory

CONFIG = RunConfig(hidden=(7, 6), replicates=2, epochs=1, learning_rate=0.1, dtype="float64")


class Folder:
    """Checkpoints in a directory."""

    def __init__(self, directory: Path, config: RunConfig) -> None:
        self._directory = directory
        trainer = Trainer(config)
        while not trainer.finished:
            if trainer.step % 5 == 0:
                trainer.save(directory / str(trainer.step))
            trainer.advance()

    def trajectory(self, run_id: str) -> Path:
        return self._directory / f"{run_id}.trajectory"

    def open(self, _run_id: str, step: int, _beside: object = None) -> Trainer:
        return Trainer.load(self._directory / str(step))


def on(share: float) -> None:
    assert 0 <= share <= 1


def run(params: Params, folder: Folder) -> dict[str, np.ndarray]:
    """As the analyst computes it and the page gets it."""
    return dict(
        unpack_arrays(pack_arrays(compute(kind_of(params), params.model_dump(), folder, on)))
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_has_a_spectrum_and_an_identity(tmp_path: Path, scheme: str) -> None:
    folder = Folder(tmp_path, CONFIG.replace(scheme=scheme))
    found = run(SpectrumParams(step=20, replicate=2, n_samples=6), folder)
    assert found["eigenvalues"].shape == (60,)
    assert str(found["scheme"]) == scheme
    assert found["kernel_rate"] == pytest.approx(found["product_rate"], rel=1e-8)
    assert found["finite_rate"] == pytest.approx(found["product_rate"], rel=1e-4)
    assert (found["bp"] > -1e-9).all()
    if scheme in ("bp", "sham"):
        np.testing.assert_allclose(np.sort(found["eigenvalues"].real), found["bp"], atol=1e-9)
        assert int(found["n_unstable"]) == 0


def test_what_is_said_of_a_run_can_be_compared_with_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CONFIG)
    least = SpectrumParams.default_samples(CONFIG)
    asked = SpectrumParams(run_id="run", step=20, n_samples=least)
    found = run(asked, folder)
    said = unstable_of("spectrum", asked.model_dump(), found)
    share = found["error_unstable_share"]
    assert said == Unstable("run", 20, float(found["unstable_share"] if share is None else share))
    for other in ({"replicate": 2}, {"n_samples": least - 1}, {"under": "bp"}):
        changed = asked.model_copy(update=other)
        assert unstable_of("spectrum", changed.model_dump(), run(changed, folder)) is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_can_be_kicked_and_mapped(tmp_path: Path, scheme: str) -> None:
    folder = Folder(tmp_path, CONFIG.replace(scheme=scheme))
    kick = KickParams(step=20, steps=6, directions=3, along="random", n_samples=6)
    found = run(kick, folder)
    assert found["separation"].shape == (3, 7)
    np.testing.assert_allclose(found["separation"][:, 0], found["epsilon"], rtol=1e-9)
    places = tuple(("run", step, 0) for step in (0, 5, 10, 15, 20))
    mapped = run(LandscapeParams(places=places, resolution=5, n_samples=20), folder)
    assert mapped["surface"].shape == (5, 5)
    assert np.isfinite(mapped["surface"]).all()
    assert mapped["steps"].tolist() == [0, 5, 10, 15, 20]


def test_what_nobody_wants_is_left_off(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CONFIG)

    def left(_share: float) -> None:
        raise LeftOff

    for params in (SpectrumParams(step=0), KickParams(step=0)):
        with pytest.raises(LeftOff):
            compute(kind_of(params), params.model_dump(), folder, left)


def test_a_spectrum_can_be_left_off_between_any_two_decompositions(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CONFIG)
    params = SpectrumParams(step=0, n_samples=4)
    told: list[float] = []
    compute("spectrum", params.model_dump(), folder, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(set(told)) >= 6

    def left(share: float) -> None:
        if share > 0.3:
            raise LeftOff

    with pytest.raises(LeftOff):
        compute("spectrum", params.model_dump(), folder, left)


def test_a_network_that_diverged_is_refused_by_the_number_a_person_knows(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CONFIG)
    trainer = folder.open("run", 5)
    trainer.network.weights[0][1] = float("nan")
    trainer.save(tmp_path / "5")
    places = tuple(("run", step, 0) for step in (0, 5, 10))
    for params in (
        KickParams(step=5, replicate=2, steps=3),
        LandscapeParams(places=places, replicate=2, resolution=5, n_samples=20),
    ):
        with pytest.raises(NotAllowed, match="replicate = 2: allowed is one that has not diverged"):
            run(params, folder)


def test_a_network_that_a_run_lacks_is_refused_by_the_number_a_person_knows(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path, CONFIG)
    (tmp_path / "fewer").mkdir()
    fewer = Folder(tmp_path / "fewer", CONFIG.replace(replicates=1, scheme="bp"))

    class Both(Folder):
        def open(self, run_id: str, step: int, _beside: object = None) -> Trainer:
            return (fewer if run_id == "fewer" else folder).open(run_id, step)

    both = Both(tmp_path, CONFIG)
    places = tuple(("run", step, 0) for step in (0, 5, 10))
    for params in (
        SpectrumParams(step=5, replicate=3, n_samples=6),
        KickParams(step=5, replicate=3, steps=3),
        LandscapeParams(places=places, replicate=3, resolution=5, n_samples=20),
    ):
        with pytest.raises(NotAllowed, match=r"replicate = 3: allowed is from 1 to 2$"):
            run(params, both)
    two = LandscapeParams(
        places=(*places, *(("fewer", step, 0) for step in (0, 5))),
        replicate=2,
        resolution=5,
        n_samples=20,
    )
    with pytest.raises(
        NotAllowed, match=r"replicate = 2: allowed is from 1 to 1, the networks of fewer$"
    ):
        run(two, both)


def test_a_trajectory_that_is_too_short_says_from_when_on_it_is_not(tmp_path: Path) -> None:
    folder = Folder(tmp_path, CONFIG)
    trainer = Trainer(CONFIG)
    trajectory = Trajectory(trainer.network, every=5)
    params = DiffusionParams(run_id="run", step=9)
    for step in range(11):
        trajectory.record(step)
        save_file(trajectory.state(), folder.trajectory("run"))
        if step < 10:
            with pytest.raises(
                NotAllowed, match=r"step = 9: allowed is a step from 10 on; .* 5 st"
            ):
                run(params, folder)
        trainer.advance()
    assert run(params, folder)["lags"] == pytest.approx([5.0])


def test_results_keep_numbers_texts_and_complex_arrays() -> None:
    given = {"a": 1.5, "b": "text", "c": np.array([1 + 2j]), "d": None, "e": np.eye(2)}
    found = unpack_arrays(pack_arrays(given))
    assert set(found) == {"a", "b", "c", "e"}
    assert (float(found["a"]), str(found["b"]), found["c"][0]) == (1.5, "text", 1 + 2j)
