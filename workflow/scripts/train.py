"""Train the network of one setting."""

import os

# Before numpy and torch are there: threads are for groups of streams, and not for each small
# product again; and one that waits for another sleeps, for on a busy machine, awake, it would keep
# the core that the other needs.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import torch
from job import job

from rnnpipe.experiment import Experiment
from rnnpipe.recipes import Recipe
from rnnpipe.train import choose_device, save_run, train
from rnnpipe.windows import load_series

with job(snakemake):
    torch.set_num_threads(snakemake.threads)
    experiment = Experiment.load(snakemake.input.experiment)
    setting = {
        "recipe": snakemake.wildcards.recipe,
        "hidden_size": int(snakemake.wildcards.hidden),
        "seed": int(snakemake.wildcards.seed),
    }
    run = train(
        Recipe.from_config(snakemake.params.recipe),
        load_series(snakemake.input.windows, experiment.utterances),
        hidden_size=setting["hidden_size"],
        seed=setting["seed"],
        mean=experiment.mean,
        std=experiment.std,
        num_phones=experiment.num_phones,
        device=choose_device(snakemake.params.device),
    )
    out = snakemake.output
    save_run(run, setting, out.model, out.snapshots, out.history, out.run)
