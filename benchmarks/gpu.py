"""Training and free runs on a GPU, against cuDNN and against a loop on the CPU, in the same run.

    python benchmarks/gpu.py [--repeat R]

The peers are those of benchmarks/kernels.py. Prints medians of R turns; each turn runs both sides
one after the other.
"""

import argparse

import torch
from kernels import ORDER, PHONES, UTTERANCE, free_running, medians, network, training

from rnnpipe.kernels.gpu import free_runs
from rnnpipe.kernels.recurrence import CELLS

AT_ONCE = (1, 64, 1024)  # utterances


def run_at_once(utterances: int, hidden_size: int):
    """Reconstruct many utterances with one network in one launch."""
    weights = network(hidden_size).cuda().weights
    arguments = (
        torch.randn(utterances, ORDER),
        torch.randint(PHONES, (utterances, UTTERANCE), dtype=torch.int32),
        torch.full((utterances,), UTTERANCE, dtype=torch.int32),
    )
    arguments = [part.cuda() for part in arguments]
    return lambda: free_runs(*arguments, weights, CELLS.index("tanh"), 1e30)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    if not torch.cuda.is_available():
        parser.exit(1, "benchmarks/gpu.py: torch finds no GPU here.\n")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}.\n")

    print("| gradient of an update, tanh | samples a second | torch.nn.RNN (cuDNN) | ratio |")
    print("| --- | --- | --- | --- |")
    for hidden, streams, steps in ((100, 32, 650), (400, 32, 650), (100, 1, UTTERANCE)):
        ours, theirs = training(hidden, streams, steps, "cuda")
        took = medians({"ours": ours, "theirs": theirs}, repeat)
        print(
            f"| {hidden} units, {streams} x {steps} samples "
            f"| {streams * steps / took['ours']:,.0f} | {streams * steps / took['theirs']:,.0f} "
            f"| {took['theirs'] / took['ours']:.1f} |"
        )

    _, cell = free_running(100, UTTERANCE)
    works = {"cell": cell} | {n: run_at_once(n, 100) for n in AT_ONCE}
    took = medians(works, min(repeat, 3))
    print("\n| free run, tanh, 100 units | us a sample | torch.nn.RNNCell on the CPU | ratio |")
    print("| --- | --- | --- | --- |")
    theirs = took["cell"] / UTTERANCE * 1e6
    for utterances in AT_ONCE:
        ours = took[utterances] / UTTERANCE / utterances * 1e6
        print(f"| {utterances} at once | {ours:.3f} | {theirs:.1f} | {theirs / ours:.1f} |")


if __name__ == "__main__":
    main()
