"""Recipes: every one can be run, what is said of a run is what came of it, and the document says
the same as the files."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from waiting import PATIENCE_S

from fa_engine import RunConfig, Trainer, load_dataset
from recipes import RECIPES, document, results
from recipes.all import in_turn
from recipes.compare import NOT_REACHED, lines, verdicts
from recipes.recipe import QUANTITIES, Claim, Figure, Reading, Recipe, Row
from recipes.results import Point, Result, RowResult
from recipes.running import run_row

ROOT = Path(__file__).parents[2]
ROWS = [(recipe, row) for recipe in RECIPES.values() for row in recipe.rows]
IDS = [f"{recipe.name}-{row.label}" for recipe, row in ROWS]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """``python -m ...`` in the repository."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize(("recipe", "row"), ROWS, ids=IDS)
def test_every_row_is_a_run_at_both_lengths(recipe: Recipe, row: Row) -> None:
    full, short = recipe.config(row), recipe.config(row, short=True)
    cost = full.total_steps * full.replicates
    assert short.total_steps * short.replicates < cost
    for config in (full, short):
        if row.begins is not None:
            shapes = {name: t.shape for name, t in row.begins(config).items()}
            widths = [(layer.n_out, layer.fan_in) for layer in config.layers]
            for index, (outs, ins) in enumerate(widths):
                assert shapes.pop(f"weight.{index}") == (config.replicates, outs, ins)
                assert shapes.pop(f"bias.{index}") == (config.replicates, outs)
            assert not shapes


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_says_where_it_is_from_and_names_its_own_rows(recipe: Recipe) -> None:
    assert recipe.source
    assert recipe.link.startswith("https://")
    assert recipe.differs
    labels = [row.label for row in recipe.rows]
    assert len(set(labels)) == len(labels)
    assert set(recipe.shown) <= set(QUANTITIES)
    for row in recipe.rows:
        assert {figure.of for figure in row.figures} <= set(QUANTITIES)
    for claim in recipe.claims:
        for number in (claim.lower, claim.higher):
            assert isinstance(number, float) or (number.label in labels and number.of in QUANTITIES)
    assert recipe.claims or any(row.figures for row in recipe.rows)


def test_the_quickest_one_trains_and_feedback_alignment_beats_a_shallow_network(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "linear.json"
    done = run("recipes", "lillicrap2016_linear", "--short", "--json", str(kept))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(": holds") == len(RECIPES["lillicrap2016_linear"].claims)
    found = results.read(kept)
    by_label = {row.label: row for row in found.rows}
    fa, shallow = by_label["FA"], by_label["Shallow"]
    assert fa.epochs_done == fa.epochs_planned == 5
    assert (fa.lost, fa.replicates, fa.device) == (0, 8, "cpu")
    ends = [row.curve[-1].values["test_loss"][0] for row in (fa, shallow)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0] < ends[1] / 100
    assert fa.curve[-1].values["hidden_angle"][0] < fa.curve[0].values["hidden_angle"][0]
    assert shallow.curve[-1].values["hidden_angle"] == (None, None)  # it has no update


def test_what_is_recorded_is_what_a_trainer_has_that_runs_alone() -> None:
    recipe = RECIPES["lillicrap2016_linear"]
    row = recipe.row("FA")
    ran = run_row(recipe, row, short=True)
    trainer = Trainer(recipe.config(row, short=True))
    while trainer.step < 2 * trainer.config.steps_per_epoch:
        trainer.advance()
    loss, _ = trainer.evaluate()
    point = next(point for point in ran.curve if point.epoch == 2)
    assert point.values["test_loss"][0] == pytest.approx(loss.mean(), rel=1e-4)
    assert point.values["test_loss"][1] == pytest.approx(loss.std(ddof=1), rel=1e-4)
    angle = trainer.advance(measure=True).hidden_angle_deg
    assert point.values["hidden_angle"][0] == pytest.approx(angle.mean(), rel=1e-4)


def test_a_row_that_time_is_up_for_says_how_far_it_came() -> None:
    recipe = RECIPES["lillicrap2016_linear"]
    ran = run_row(recipe, recipe.row("FA"), until=0.0)
    assert ran.epochs_done < 1 < ran.epochs_planned
    assert ran.curve[-1].epoch == ran.epochs_done


def test_all_run_side_by_side_and_one_that_fails_stops_no_other(tmp_path: Path) -> None:
    words = ("--short", "--only", "lillicrap2016_linear,akrout2019", "--out", str(tmp_path))
    env = os.environ | {"FA_DATA_DIR": str(tmp_path / "nothing")}
    env |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "recipes.all", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    linear = results.read(tmp_path / "lillicrap2016_linear.json")
    assert [row.epochs_done for row in linear.rows] == [5, 5, 5]
    lost = results.read(tmp_path / "akrout2019.json")
    assert len(lost.rows) == len(RECIPES["akrout2019"].rows)
    assert all("DatasetError" in row.failed for row in lost.rows)
    told = lines(RECIPES["akrout2019"], lost)
    assert all(line.ours.startswith("failed: DatasetError") for line in told)


def test_the_first_row_of_every_recipe_comes_before_the_second_of_any() -> None:
    names = list(RECIPES)
    jobs = in_turn(names)
    assert [name for name, _ in jobs[: len(names)]] == names
    assert sorted(jobs) == sorted((r.name, row.label) for r in RECIPES.values() for row in r.rows)


def ran(label: str, *errors: float, planned: int = 2) -> RowResult:
    """A row of one network that ended with the last of these test errors, recorded from 0 on."""
    empty = dict.fromkeys(QUANTITIES, (None, None))
    curve = [
        Point(epoch=epoch, values={**empty, "test_error": (error, 0.1)})
        for epoch, error in enumerate(errors)
    ]
    return RowResult(
        label=label,
        epochs_planned=planned,
        epochs_done=len(errors) - 1,
        replicates=1,
        lost=0,
        seconds=1.0,
        device="cpu",
        curve=curve,
    )


RECIPE = replace(
    RECIPES["akrout2019"],
    rows=(
        Row("A", {}, (Figure(10.0, at=1, read_in="there"), Figure(5.0, spread=0.5))),
        Row("B", {}),
    ),
    claims=(
        Claim("A ends below B", Reading("A"), Reading("B")),
        Claim("A's best is below 6", Reading("A", at="lowest"), 6.0),
        Claim("C is below A", Reading("C"), Reading("A")),
    ),
)


def made(*rows: RowResult, short: bool = False) -> Result:
    """A result of these rows."""
    found = results.begun("akrout2019", short=short)
    found.rows.extend(rows)
    return found


def test_published_stands_beside_ours_with_the_difference() -> None:
    first, last, other = lines(RECIPE, made(ran("A", 90.0, 12.0, 6.5), ran("B", 90.0, 4.0)))
    assert (first.published, first.ours, first.difference) == ("10.00 %", "12.00 ± 0.10 %", "+2.00")
    assert (last.published, last.ours, last.difference) == (
        "5.00 ± 0.50 %",
        "6.50 ± 0.10 %",
        "+1.50",
    )
    assert first.checked
    assert not last.checked
    assert (other.published, other.ours, other.difference) == ("", "4.00 ± 0.10 %", "")


def test_the_end_of_a_short_run_has_no_difference_to_the_end_of_the_published_one() -> None:
    _, last, _ = lines(RECIPE, made(ran("A", 90.0, 12.0, 6.5), ran("B", 90.0), short=True))
    assert last.ours == "6.50 ± 0.10 %"
    assert last.difference == ""


def test_what_was_not_reached_or_not_run_says_so() -> None:
    first, _, other = lines(RECIPE, made(ran("A", 90.0)))
    assert (first.ours, first.difference) == (NOT_REACHED, "")
    assert other.ours == "not run"


def test_a_claim_holds_does_not_or_is_not_known() -> None:
    found = verdicts(RECIPE, made(ran("A", 90.0, 5.5, 6.5), ran("B", 90.0, 4.0)))
    assert [verdict.holds for verdict in found] == [False, True, None]


def test_what_is_kept_is_of_full_runs_under_their_names() -> None:
    for name, result in document.known().items():
        assert (result.recipe, result.short) == (name, False)


def test_the_document_has_the_numbers_of_the_files() -> None:
    text = document.DOCUMENT.read_text()
    assert document.written(text, document.known()) == text, "python -m recipes.document"


def test_another_number_in_a_file_is_another_document() -> None:
    text = document.DOCUMENT.read_text()
    one = document.written(text, {"nokland2016": made(ran("2x800 DFA", 90.0, 1.9))})
    other = document.written(text, {"nokland2016": made(ran("2x800 DFA", 90.0, 1.8))})
    assert "| 1.90 ± 0.10 % | +0.16 |" in one
    assert "| 1.80 ± 0.10 % | +0.06 |" in other


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    done = run("recipes", "nokland2015")
    assert done.returncode == 2
    assert "recipe = 'nokland2015'" in done.stderr
    assert all(name in done.stderr for name in RECIPES)


def test_without_a_name_they_are_listed() -> None:
    done = run("recipes")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in RECIPES)


def test_initial_values_are_of_the_size_that_is_said() -> None:
    row = RECIPES["akrout2019"].row("BP")
    assert row.begins is not None
    drawn = row.begins(RECIPES["akrout2019"].config(row))
    assert drawn["weight.0"].std().item() == pytest.approx((784 + 500) ** -0.5, rel=0.01)
    assert drawn["weight.1"].std().item() == pytest.approx((500 + 10) ** -0.5, rel=0.03)
    row = RECIPES["nokland2016"].row("1x800 BP")
    assert row.begins is not None
    drawn = row.begins(RECIPES["nokland2016"].config(row))
    for index, ins in enumerate((784, 800)):
        for name in (f"weight.{index}", f"bias.{index}"):
            assert drawn[name].abs().max().item() <= ins**-0.5
    assert drawn["weight.0"].std().item() == pytest.approx((3 * 784) ** -0.5, rel=0.01)
    assert not torch.equal(drawn["weight.0"][0], drawn["weight.0"][1])


SMALL = RunConfig(hidden=(12,), activation="sigmoid", scheme="wm", epochs=1, replicates=2)


def test_the_summed_mirror_grows_towards_the_weights() -> None:
    """The mean of ``noise_out^T noise_in``, its slope 1/4 about 0, is ``var / 4 W`` a sample."""
    trainer = Trainer(SMALL.replace(matrix="recipe_mirror", mirror_samples=4096))
    (matrix,) = trainer.feedback.matrices
    before, weights = matrix.clone(), trainer.network.weights[1].clone()
    trainer.advance()
    grown = (matrix - before).double()
    expected = 0.01 * 468 * 4096 * (0.1**2 / 12) / 4
    slope = (grown * weights).sum() / (weights * weights).sum()
    assert slope.item() == pytest.approx(expected, rel=0.1)


def test_a_signal_that_is_not_divided_is_as_many_times_the_other_as_a_batch_has_samples() -> None:
    config = RunConfig(hidden=(12,), scheme="drtp", epochs=1, replicates=1, dtype="float64")
    whole, divided = (
        Trainer(config.replace(signal=signal)) for signal in ("recipe_target_whole", None)
    )
    moved = []
    for trainer in (whole, divided):
        before = [w.clone() for w in trainer.network.weights]
        trainer.advance()
        moved.append([w - b for w, b in zip(trainer.network.weights, before, strict=True)])
    torch.testing.assert_close(moved[0][0], config.batch_size * moved[1][0])
    torch.testing.assert_close(moved[0][1], moved[1][1])


def test_halved_images_are_means_of_four(mnist_dir: Path) -> None:
    whole = load_dataset("mnist", mnist_dir, dtype=torch.float64)
    half = load_dataset("recipe_mnist14", mnist_dir, dtype=torch.float64)
    image = whole.x_test[0].reshape(28, 28).numpy()
    means = [
        image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() for r in range(14) for c in range(14)
    ]
    np.testing.assert_allclose(half.x_test[0].numpy(), means)
    assert math.isclose(half.x_train.mean().item(), whole.x_train.mean().item())
