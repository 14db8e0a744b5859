"""Training on a network's own samples: the compiled roll-out against autograd through a plain loop.

    python benchmarks/closed_loop.py

Runs the forward and backward pass of one update at the size of workflow/presets/closed_loop.yaml,
both versions in turn, on one thread. Prints the best time of each and their ratio.
"""

import argparse
import os
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy is there

import torch  # noqa: E402

from rnnpipe.kernels.closed_loop import roll_out, roll_out_plain  # noqa: E402
from rnnpipe.model import Network  # noqa: E402


def problem(steps: int, streams: int, hidden_size: int, order: int = 200, phones: int = 62):
    """Inputs of a free roll-out, and the weights of a network that neither explodes nor decays."""
    inputs = (
        torch.randn(order + steps, streams),
        torch.ones(steps, streams),
        torch.randint(phones, (steps, streams), dtype=torch.int32),
        torch.zeros(streams, hidden_size),
    )
    network = Network(order, phones, hidden_size, "tanh")
    network.initialise("orthogonal", 1.0)
    return inputs, network.weights


def seconds(function, inputs, weights) -> float:
    """CPU time of one forward and backward pass."""
    started = time.process_time()
    y, _, _ = function(*inputs, weights, "tanh")
    torch.autograd.grad((y**2).mean(), [weight for weight in weights if weight.numel()])
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--streams", type=int, default=48)
    parser.add_argument("--hidden-size", type=int, default=320)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    size = (arguments.steps, arguments.streams, arguments.hidden_size)
    inputs, weights = problem(*size)
    ways = {"compiled": roll_out, "plain torch": roll_out_plain}
    for way in ways.values():
        seconds(way, inputs, weights)
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(arguments.repeat):
        for name, way in ways.items():
            best[name] = min(best[name], seconds(way, inputs, weights))
    samples = arguments.steps * arguments.streams
    for name, took in best.items():
        print(
            f"{name}: {took:.3f} s an update, {samples / took / 1000:.0f} thousand samples a second"
        )
    print(f"ratio: {best['plain torch'] / best['compiled']:.1f}")


if __name__ == "__main__":
    main()
