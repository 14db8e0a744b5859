"""Small trainings on made-up speech, and the recipes that are shipped."""

from pathlib import Path

import numpy as np
import torch
import yaml

from helpers.networks import weights_of
from helpers.speech import series
from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.model import Network
from rnnpipe.training.batches import Batch
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import save_run
from rnnpipe.training.train import train
from rnnpipe.vocabulary import Setting
from rnnpipe.windows.series import Series

CONFIG = Path(__file__).parents[2] / "config.yaml"
ORDER, HIDDEN, MEAN, STD = 7, 5, -3.25, 600.0


SHORT = {"streams": 3, "steps": 11, "updates": 6}
NOISES = {"input_noise": 0.3, "weight_noise": 0.1, "dropout": 0.4}
NOISY = Recipe(**SHORT, **NOISES, clip="norm", schedule="cosine", final_learning_rate=0.1)


def run(recipe, utterances=None, seed=0, **changes):
    """A training on one short utterance of noise."""
    options = {"hidden_size": HIDDEN, "mean": MEAN, "std": STD} | changes
    return train(recipe, utterances or [series(83, ORDER)], seed=seed, **options)


def shipped(name, **changes) -> Recipe:
    """A recipe of config.yaml."""
    return Recipe.from_config(yaml.safe_load(CONFIG.read_text())["recipes"][name] | changes)


def initial(recipe, seed=0, order=ORDER, hidden_size=HIDDEN) -> Network:
    """The network that a training with this seed starts from."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(order, NUM_CODES, hidden_size, recipe.cell)
        network.initialise(recipe.init, recipe.init_scale)
    return network


def flat(network) -> np.ndarray:
    """All weights in one vector."""
    return np.concatenate([w.ravel() for w in weights_of(network).values()])


def gradient_of(network) -> np.ndarray:
    """All gradients in one vector; 0 for weights without a gradient."""
    return np.concatenate(
        [
            (torch.zeros_like(w) if w.grad is None else w.grad).double().numpy().ravel()
            for w in network.parameters()
        ]
    )


def batch_of(speech: Series, dtype=torch.float32) -> Batch:
    """One whole utterance."""
    return Batch(
        torch.tensor(speech.standardised(MEAN, STD)[None], dtype=dtype),
        torch.tensor(speech.phones[None], dtype=torch.int32),
        torch.ones(1, speech.phones.size, dtype=dtype),
        torch.tensor([True]),
    )


def each(batches):
    """Yield batches without end."""
    while True:
        yield batches.cut()
        batches.move_on()


def saved(folder, found) -> dict[str, bytes]:
    """The files of a training, by name."""
    save_run(found, Setting("r", HIDDEN, 0), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
