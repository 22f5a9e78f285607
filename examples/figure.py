"""A figure for a paper: gradient angles through training, as a file that any browser shows.

usage: python examples/figure.py [FILE.html]   (needs plotly, which the dashboard brings along)
"""

import sys

import numpy as np
import plotly.graph_objects as go

from fa_engine import RunConfig, Trainer

config = RunConfig(scheme="fa", hidden=(64, 64), epochs=20, replicates=8, measure_every=5)
found = list(Trainer(config))
step = [m.step for m in found]
angles = np.stack([m.gradient_angle_deg for m in found])  # (T, R, H)

figure = go.Figure()
for layer, colour in enumerate(("#440154", "#21918c")):
    low, middle, high = np.quantile(angles[:, :, layer], (0.1, 0.5, 0.9), axis=1)
    band = [*high, *low[::-1]]
    figure.add_scatter(
        x=[*step, *step[::-1]], y=band, fill="toself", line_width=0, fillcolor=colour,
        opacity=0.2, showlegend=False,
    )  # fmt: skip
    figure.add_scatter(x=step, y=middle, line_color=colour, name=f"hidden layer {layer + 1}")
figure.add_hline(90, line_dash="dot", annotation_text="chance")
figure.update_layout(
    template="simple_white",
    xaxis_title="step",
    yaxis_title="gradient angle, degrees",
    title="Feedback alignment: median of 8 networks, and 10 to 90 %",
)
target = sys.argv[1] if len(sys.argv) > 1 else "angles.html"
figure.write_html(target, include_plotlyjs=True)
print(f"{target}: {len(step)} points a line")
