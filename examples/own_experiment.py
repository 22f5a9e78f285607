"""An experiment of one's own: does direct feedback align sooner? Eight networks an arm decide."""

from fa_engine import EXPERIMENTS, Arm, Experiment, Prediction, Rule, run_experiment

EXPERIMENTS.add(
    "sooner",
    Experiment(
        title="Direct feedback aligns sooner",
        question="Is direct feedback alignment better aligned after ten epochs?",
        claim="A layer aligns sooner where the error reaches it directly.",
        source="myself",
        settings={"digits": {"hidden": (32, 32, 32), "epochs": 10, "learning_rate": 0.1}},
        arms={
            "fa": Arm("Layer by layer", {"scheme": "fa"}),
            "dfa": Arm("Direct", {"scheme": "dfa"}),
        },
        predictions=[
            Prediction(
                "The bottom layer stands nearer to its gradient",
                # (R,): a number of each network
                lambda evidence: (
                    evidence["fa"].last("gradient_angle_deg")[:, 0]
                    - evidence["dfa"].last("gradient_angle_deg")[:, 0]
                ),
                "how much smaller the angle of the bottom layer is",
                "°",
                Rule(0, above=True),
            ),
        ],
        shows=["gradient_angle_deg", "loss"],
        look_for="Which angles fall first.",
    ),
)

if __name__ == "__main__":
    outcome = run_experiment("sooner")
    for answer in outcome.answers:
        found = answer.finding
        print(f"{answer.prediction.words}: {found.verdict}")
        print(f"  {found.interval.low:.1f}° to {found.interval.high:.1f}° smaller")
    print(f"{outcome.experiment.title}: {outcome.verdict}, {outcome.networks} networks an arm")
