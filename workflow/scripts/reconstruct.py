"""Reconstruct what the experiment trains on, and what it holds out, with one network."""

from job import job

from rnnpipe.experiment import Experiment, load_held_out
from rnnpipe.files import replacing
from rnnpipe.model import Network
from rnnpipe.reconstruct import reconstruct_utterances, sampling_std
from rnnpipe.tables import read_run
from rnnpipe.windows import load_series

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    items = experiment.utterances + load_held_out(snakemake.input.held_out)
    training_mse = read_run(snakemake.input.run)["final_training_mse"]
    table = reconstruct_utterances(
        Network.load(snakemake.input.model),
        load_series(snakemake.input.windows, items),
        snakemake.output.audio,
        limit=snakemake.params.limit,
        noise_std=sampling_std(snakemake.params.sample, training_mse),
        seed=int(snakemake.wildcards.seed),
    )
    with replacing(snakemake.output.table) as temporary:
        table.to_csv(temporary, index=False)
