"""Training and reconstruction against torch's own layers, one thread each, in the same run.

    python benchmarks/kernels.py [--repeat R] [--figure FILE]

The time to prepare the peers' input is not counted: the windows of k = 200 samples, joined with
one-hot phones, are made before the clock starts. Prints medians of R turns; each turn runs both
sides one after the other. Draws the cost of a sample over the hidden size.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.linalg import blas
from torch import Tensor, nn

from rnnpipe.model import Network
from rnnpipe.reconstruction.reconstruct import free_run, teacher_forced

ORDER, PHONES = 200, 62
UTTERANCE = 20_800  # samples: 1.3 s, about that of the 2014 note
AT_ONCE = 64  # free runs in parallel
PHONE = 1_300  # samples: 80 ms, the mean of TIMIT
SIZES = (25, 50, 100, 200, 400, 800, 1600)


class Peer(nn.Module):
    """The same network with torch.nn.RNN: a dense product with windows and one-hot phones."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(ORDER + PHONES, hidden_size)
        self.out = nn.Linear(hidden_size, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.out(self.rnn(inputs)[0])[..., 0]


def speech(streams: int, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw signals (B, order + T) and phones (B, T), and the peer's input (T, B, order + 62)."""
    signal = torch.randn(streams, ORDER + steps)
    phones = torch.randint(PHONES, (streams, steps // PHONE + 1), dtype=torch.int32)
    phones = phones.repeat_interleave(PHONE, 1)[:, :steps].contiguous()
    windows = signal[:, :-1].unfold(1, ORDER, 1)
    one_hot = nn.functional.one_hot(phones.long(), PHONES).float()
    return signal, phones, torch.cat((windows, one_hot), 2).transpose(0, 1).contiguous()


def network(hidden_size: int) -> Network:
    made = Network(ORDER, PHONES, hidden_size, "tanh")
    made.initialise("fan_in", 0.5)
    return made


def training(
    hidden_size: int, streams: int, steps: int, device: str = "cpu"
) -> tuple[Callable, Callable]:
    """The gradient of one update: forward, loss and backward; ours and the peer's."""
    signal, phones, inputs = (part.to(device) for part in speech(streams, steps))
    target = signal[:, ORDER:]
    mine, peer = network(hidden_size).to(device), Peer(hidden_size).to(device)

    def ours() -> None:
        mine.zero_grad()
        ((mine(signal, phones, mine.initial_state(streams))[0] - target) ** 2).mean().backward()

    def theirs() -> None:
        peer.zero_grad()
        ((peer(inputs) - target.t()) ** 2).mean().backward()

    return ours, theirs


def free_running(hidden_size: int, steps: int) -> tuple[Callable, Callable]:
    """A free run: ours, and one with torch.nn.RNNCell, one step at a time."""
    mine, cell = network(hidden_size), nn.RNNCell(ORDER + PHONES, hidden_size)
    out = nn.Linear(hidden_size, 1)
    context = torch.randn(ORDER)
    phones = torch.randint(PHONES, (steps,))
    one_hot = nn.functional.one_hot(phones, PHONES).float()
    codes = phones.numpy().astype(np.uint8)

    def ours() -> None:
        free_run(mine, context.numpy(), codes)

    @torch.no_grad()
    def theirs() -> None:
        signal = torch.cat((context, torch.zeros(steps)))
        h = torch.zeros(1, hidden_size)
        for t in range(steps):
            h = cell(torch.cat((signal[t : t + ORDER], one_hot[t]))[None], h)
            signal[ORDER + t] = out(h)[0, 0]

    return ours, theirs


def side_by_side(hidden_size: int, steps: int) -> Callable:
    """Free runs of many utterances at once."""
    mine = network(hidden_size)
    signal, phones, _ = speech(AT_ONCE, steps)
    return lambda: mine.free_runs(signal[:, :ORDER], phones, mine.initial_state(AT_ONCE))


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def medians(works: dict[str, Callable[[], None]], repeat: int) -> dict[str, float]:
    """Run the functions in turn, once to warm up and then `repeat` times; return median seconds."""
    times = [{name: seconds(work) for name, work in works.items()} for _ in range(repeat + 1)]
    return {name: statistics.median(turn[name] for turn in times[1:]) for name in works}


def products() -> dict[str, Callable[[], None]]:
    """A large matrix product by torch, and by the BLAS of the loops."""
    left, right = torch.randn(1024, 1024), torch.randn(1024, 1024)
    mine = left.numpy().T, right.numpy().T
    return {
        "torch": lambda: torch.mm(left, right),
        "the BLAS of the loops": lambda: blas.sgemm(1.0, *mine),
    }


def draw(costs: dict[str, list[float]], path: Path) -> None:
    """Draw microseconds per sample over hidden units, with the growth of the work."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, values in costs.items():
        axes.loglog(SIZES, values, "o-", label=name)
    work = np.array([ORDER * size + size * size for size in SIZES])
    axes.loglog(SIZES, costs["training"][2] * work / work[2], ":k", label="k H + H H")
    axes.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
    axes.minorticks_off()
    axes.set_xlabel("hidden units H")
    axes.set_ylabel("microseconds a sample, one core")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--figure", type=Path, help="gets the cost over the hidden size")
    arguments = parser.parse_args()
    repeat = arguments.repeat
    torch.set_num_threads(1)
    torch.manual_seed(0)

    print("| gradient of an update, tanh | samples a second | torch.nn.RNN | ratio |")
    print("| --- | --- | --- | --- |")
    for hidden, streams, steps in ((100, 32, 650), (400, 32, 650), (100, 1, UTTERANCE)):
        ours, theirs = training(hidden, streams, steps)
        took = medians({"ours": ours, "theirs": theirs}, repeat)
        print(
            f"| {hidden} units, {streams} x {steps} samples "
            f"| {streams * steps / took['ours']:,.0f} | {streams * steps / took['theirs']:,.0f} "
            f"| {took['theirs'] / took['ours']:.1f} |"
        )

    ours, theirs = free_running(100, UTTERANCE)
    sides = {"ours": ours, "theirs": theirs, "many": side_by_side(100, UTTERANCE // 10)}
    took = medians(sides | products(), repeat)
    mine, cell = (took[side] / UTTERANCE * 1e6 for side in ("ours", "theirs"))
    many = took["many"] / (UTTERANCE // 10 * AT_ONCE) * 1e6
    print("\n| free run, tanh, 100 units, one utterance | torch.nn.RNNCell | ratio |")
    print("| --- | --- | --- |")
    print(f"| {mine:.2f} us a sample | {cell:.1f} us | {cell / mine:.1f} |\n")
    print(
        f"{AT_ONCE} utterances at once take {many:.2f} us a sample: {mine / many:.1f} times as "
        "many samples a second as one.\n"
    )
    flop = 2 * (ORDER * 100 + 100 * 100 + 100)
    for name in products():
        rate = 2 * 1024**3 / took[name]
        print(
            f"A large matrix product by {name} runs at {rate / 1e9:.0f} GFLOP/s, at which a sample "
            f"would take {flop / rate * 1e6:.2f} us; ours takes {mine * rate / flop / 1e6:.1f} "
            "times that."
        )

    print("\n| units | training, us a sample (32 x 100) | free run | teacher forced |")
    print("| --- | --- | --- | --- |")
    costs: dict[str, list[float]] = {"training": [], "free run": [], "teacher forced": []}
    for hidden in SIZES:
        steps = UTTERANCE * 100 // max(hidden, 100)
        gradient, _ = training(hidden, 32, 100)
        mine, signal, phones = network(hidden), torch.randn(ORDER + steps).numpy(), np.zeros(steps)
        codes = phones.astype(np.uint8)
        took = medians(
            {
                "training": gradient,
                "free run": lambda m=mine, s=signal, p=codes: free_run(m, s[:ORDER], p),
                "teacher forced": lambda m=mine, s=signal, p=codes: teacher_forced(m, s, p),
            },
            min(repeat, 5),
        )
        for name, samples in (("training", 3200), ("free run", steps), ("teacher forced", steps)):
            costs[name].append(took[name] / samples * 1e6)
        print(
            f"| {hidden} | " + " | ".join(f"{values[-1]:.2f}" for values in costs.values()) + " |"
        )
    if arguments.figure:
        draw(costs, arguments.figure)


if __name__ == "__main__":
    main()
