"""Experiments over HTTP: what there is, run one, what it has come to."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from app.asked import body_of_request
from app.experiments import Experiments, Going, NoRoom
from app.lab import ExperimentParams
from app.store import Store
from fa_engine import NotAllowed
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.outcome import in_words

_BODY = 'an object such as {"dataset": "digits"}'


class UnknownExperiment(Exception):
    """There is no experiment of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no experiment {name!r}.")


def experiments_blueprint(store: Store) -> Blueprint:
    """``/api/experiments``."""
    blueprint = Blueprint("experiments", __name__)
    experiments = Experiments(store)

    @blueprint.errorhandler(UnknownExperiment)
    def unknown(error: UnknownExperiment) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 404

    @blueprint.errorhandler(NoRoom)
    def full(error: NoRoom) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 429

    @blueprint.get("/api/experiments")
    def all_experiments() -> ResponseReturnValue:
        """The experiments, their predictions, and what they have come to here."""
        known, going = experiments.known(), experiments.going()
        return jsonify(
            {
                "experiments": [
                    _about(name)
                    | {
                        "outcomes": [vars(one) for one in known if one.experiment == name],
                        "going": [_going(one) for one in going if one.experiment == name],
                    }
                    for name in EXPERIMENTS
                ]
            }
        )

    @blueprint.post("/api/experiments/<name>")
    def start(name: str) -> ResponseReturnValue:
        """Has an experiment run; one that is on its way goes on."""
        params = _params(name, _dataset_of(body_of_request(_BODY)))
        experiments.start(params)
        place = url_for("experiments.experiment", name=name, dataset=params.dataset)
        told = {"experiment": name, "dataset": params.dataset}
        return jsonify(told), 202, {"Location": place}

    @blueprint.delete("/api/experiments/<name>")
    def stop(name: str) -> ResponseReturnValue:
        """Has one that waits or is under way left off; what it had come to before stays."""
        params = _params(name, request.args.get("dataset"))
        experiments.stop(params)
        return jsonify({"experiment": name, "dataset": params.dataset})

    @blueprint.get("/api/experiments/<name>")
    def experiment(name: str) -> ResponseReturnValue:
        """How one stands on a data set: how far it is, and its newest outcome."""
        params = _params(name, request.args.get("dataset"))
        going = [
            _going(one)
            for one in experiments.going()
            if (one.experiment, one.dataset) == (name, params.dataset)
        ]
        return jsonify(
            {
                "experiment": name,
                "dataset": params.dataset,
                "going": going[0] if going else None,
                "outcome": experiments.outcome(params),
            }
        )

    return blueprint


def _params(name: str, dataset: Any = None) -> ExperimentParams:
    """Without a data set it is the first that the experiment can be asked of."""
    if name not in EXPERIMENTS:
        raise UnknownExperiment(name)
    of = {} if dataset is None else {"dataset": dataset}
    return ExperimentParams(experiment=name, **of)


def _dataset_of(body: dict[str, Any]) -> Any:
    for name in body.keys() - {"dataset"}:
        raise NotAllowed(name, body[name], "the field dataset alone")
    return body.get("dataset")


def _about(name: str) -> dict[str, Any]:
    experiment = EXPERIMENTS[name]
    return {
        "name": name,
        "title": experiment.title,
        "question": experiment.question,
        "claim": experiment.claim,
        "source": experiment.source,
        "datasets": list(experiment.settings),
        "predictions": [
            {"words": one.words, "of": one.of, "unit": one.unit, "rule": in_words(one)}
            for one in experiment.predictions
        ],
    }


def _going(one: Going) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "progress": one.progress,
        "waiting": one.waiting,
        "problem": one.problem,
    }
