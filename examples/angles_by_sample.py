"""Which samples are aligned: the angle of each sample's feedback with its true error."""

import torch

from fa_engine import RunConfig, Trainer, register


@register.measure(
    "worst_sample_deg",
    title="Worst sample",
    unit="°",
    text="Largest angle, over the samples of a batch, of a hidden layer's feedback with its error.",
    shape="RH",
    best="lowest",
)
def worst_sample_deg(moment):
    """``(R, H)``, from ``s_l`` and ``d_l``, a row a sample."""
    replicates = moment.network.replicates
    worst = []
    for u, d in zip(moment.directions[:-1], moment.true_deltas[:-1], strict=True):
        cosines = torch.cosine_similarity(u.delta.double(), d.double(), dim=-1, eps=0)
        angles = torch.rad2deg(torch.acos(cosines.clamp(-1, 1)))
        worst.append(angles.reshape(replicates, -1).nan_to_num(0).max(1).values)
    return torch.stack(worst, 1)


if __name__ == "__main__":
    for m in Trainer(RunConfig(scheme="fa", epochs=10, measure_every=50)):
        mean, worst = m.delta_angle_deg.mean(0), m.worst_sample_deg.mean(0)
        print(f"step {m.step:4}  all together {mean.round(1)}  worst {worst.round(1)}")
