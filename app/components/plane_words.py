"""What the Plane page says."""

from __future__ import annotations

INTRO = (
    "$f(x) = w_2\\,\\phi(w_1 x)$ has two weights, so its whole weight space fits on a page, and "
    "its feedback matrix is one number $b$. Click on either plane to let both schemes walk from "
    "there."
)
# What to look for, by chart and network; without a target the network makes no difference, nor
# does it to feedback alignment without feedback. assets/plane.js chooses, and puts in front what it
# counts.
_SAME = "The same loss, the same starts, the true gradient: the cosine is 1 everywhere. "
_ALONG = (
    "Loss (on a logarithmic scale, feedback alignment solid, backpropagation dashed) and cosine "
    "along every walk. "
)
_TO_THE_LINE = (
    _ALONG + "While the cosine is negative the loss rises, with short enough steps. Nothing pulls "
    "the cosine up, but the walk can rest only where alignment holds."
)
TEXTS = {
    "fa": {
        "linear": (
            "Find the line of fixed points, where the loss is zero: solid where feedback alignment "
            "comes to rest, dashed where it leaves, which is where the background, the cosine of "
            "update and gradient, says that the update points uphill. In small steps without noise "
            "every path keeps to its dotted parabola, and rests only on a solid stretch."
        ),
        "tanh": (
            "The line of fixed points, where the loss is zero, is bent, but still solid where "
            "feedback alignment comes to rest and dashed where it leaves and the update points "
            "uphill. In small steps without noise every path keeps to its dotted curve, steeper "
            "than a parabola, and rests only on a solid stretch."
        ),
        "tanh_several": (
            "No weights fit all three samples, so that fixed points are single, with an error that "
            "the feedback does not see: discs are stable, crosses are not. Each has a mirror "
            "image, both signs changed, and feedback alignment can rest in only one of the two, be "
            "they minima or saddles: compare the discs of backpropagation."
        ),
        "no_target": (
            "With target 0 both axes are fixed points, where the loss is zero: solid where "
            "feedback alignment comes to rest, dashed where it leaves. All of them are minima, so "
            "that to leave one is to walk uphill."
        ),
        "no_feedback": (
            "Without feedback only noise moves w₁: other paths are vertical. They rest on the "
            "solid line, where w₂ is the best for its w₁."
        ),
    },
    "bp": {
        "linear": (
            _SAME + "All of the line is stable, and in small steps without noise paths follow "
            "hyperbolas downhill. The one other fixed point, the cross, is the saddle at the "
            "origin."
        ),
        "tanh": (
            _SAME + "All of the line is stable, and in small steps without noise paths follow the "
            "dotted curves downhill. The one other fixed point, the cross, is the saddle at the "
            "origin."
        ),
        "tanh_several": (
            _SAME + "Discs are minima, both of a mirrored pair stable, and crosses are saddles. "
            "The one at the origin is a fixed point of backpropagation alone."
        ),
        "no_target": (
            _SAME + "Both axes are stable throughout: the origin, a saddle for every other target, "
            "is a minimum as well."
        ),
    },
    "along": {
        "linear": _TO_THE_LINE,
        "tanh": _TO_THE_LINE,
        "tanh_several": (
            _ALONG + "While the cosine is negative the loss rises. So feedback alignment may end "
            "at a saddle, from where backpropagation would go on downhill."
        ),
        "no_target": _TO_THE_LINE,
        "no_feedback": (
            _ALONG + "Without feedback only the second layer learns, along its own gradient, so "
            "that the cosine is never negative. In small steps without noise the loss falls to the "
            "least that the first weight, left as it is, allows."
        ),
    },
}
THEORY = r"""
**The walk.** With the error $e = f - t y$ the weights follow

$$\dot w_1 = -\langle c\, e\, \phi'(w_1 x)\, x \rangle$$

$$\dot w_2 = -\langle e\, \phi(w_1 x) \rangle$$

where $c = b$ for feedback alignment and $c = w_2$ for backpropagation.

**Fixed points** of the linear network are the hyperbola $w_1 w_2 = t$. There the walk is stable
while

$$K = b\, w_2 + w_1^2 > 0,$$

which fails where $|w_1| < |b t|^{1/3}$ on the branch with $b\, w_2 < 0$ (with $t = 0$ on the
half of the axis $w_1 = 0$ with $b\, w_2 < 0$). The loss falls at the rate
$\langle g, u \rangle = K e^2$: alignment *is* stability. For backpropagation
$K = w_2^2 + w_1^2$. Solid and dashed speak of small steps: one of size $\eta$ overshoots where
$\eta K > 2$, so that the walk cannot rest there either, and with noise it rests nowhere.

**Conserved** along every path is $\tfrac12 w_1^2 - b\, w_2$, and with backpropagation
$w_1^2 - w_2^2$, up to a drift in proportion to the learning rate.

**With tanh** one sample bends the picture. Three samples break the line into isolated points, none
of them a perfect fit: $P^\top e = 0$ although $e \neq 0$. All are critical points of the loss,
minima and saddles, and mirrored: $(-w_1, -w_2)$ is one as well. Backpropagation is stable at every
minimum, feedback alignment here at the minima with $b\, w_2 > 0$ and at the saddles with
$b\, w_2 < 0$.
"""
