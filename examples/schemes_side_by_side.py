"""Three schemes from the same weights, with a table at the end."""

from fa_engine import SCHEMES, RunConfig, Trainer

config = RunConfig(hidden=(64, 64, 64), epochs=10, replicates=8, measure_every=50)
print("scheme                              test accuracy    hidden angle")
for scheme in ("bp", "fa", "dfa", "shallow"):
    *_, last = Trainer(config.replace(scheme=scheme))
    accuracy, angle = last.test_accuracy, last.hidden_angle_deg
    print(
        f"{SCHEMES[scheme].title:35} {accuracy.mean():.3f} ± {accuracy.std(ddof=1):.3f}    "
        f"{angle.mean():5.1f} ± {angle.std(ddof=1):.1f}°"
    )
