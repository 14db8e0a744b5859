"""Reconstruct what the experiment trains on, and what it holds out, with one network."""

from itertools import islice

from job import job

from rnnpipe.files import replacing
from rnnpipe.model import Network
from rnnpipe.reconstruction.horizon import horizon_errors
from rnnpipe.reconstruction.reconstruct import reconstruct_utterances, sampling_std
from rnnpipe.training.runs import read_run
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.series import load_series

HEARD = 16  # training utterances that the error over the horizon is averaged over, at most

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    trained, held_out = experiment.utterances, load_held_out(snakemake.input.held_out)
    network, limit = Network.load(snakemake.input.model), snakemake.params.limit
    series = load_series(snakemake.input.windows, trained + held_out)
    training_mse = read_run(snakemake.input.run)["final_training_mse"]
    table = reconstruct_utterances(
        network,
        series,
        snakemake.output.audio,
        limit=limit,
        noise_std=sampling_std(snakemake.params.sample, training_mse),
        seed=int(snakemake.wildcards.seed),
    )
    heard = list(islice(series, min(HEARD, len(trained))))
    horizon = horizon_errors(network, heard, limit)
    for rows, path in ((table, snakemake.output.table), (horizon, snakemake.output.horizon)):
        with replacing(path) as temporary:
            rows.to_csv(temporary, index=False)
