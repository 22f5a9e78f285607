"""An activation of one's own. Its derivative is held against it when it is registered."""

import torch

from fa_engine import RunConfig, Trainer, register


def slope(a):
    """Of ``a sigmoid(a)``."""
    s = torch.sigmoid(a)
    return s + a * s * (1 - s)


@register.activation("swish", title="Swish", derivative=slope)
def swish(a):
    """``a sigmoid(a)``."""
    return a * torch.sigmoid(a)


if __name__ == "__main__":
    for activation in ("swish", "relu"):
        *_, last = Trainer(RunConfig(activation=activation, epochs=5))
        print(f"{activation}: gradient angles {last.gradient_angle_deg.mean(0).round(1)}")
