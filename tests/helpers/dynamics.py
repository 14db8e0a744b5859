"""The measures of a training, as a table with one row."""

from rnnpipe.dynamics.curvature import BLOCKS


def measured(**changed):
    shares = {f"share_{name}": 0.0 for name in BLOCKS} | {"share_U": 0.75, "share_M": 0.25}
    return (
        {"update": 1, "sharpness": 10.0, "limit": 200.0, "lyapunov": -1.0, "growth_largest": -50.0}
        | shares
        | changed
    )
