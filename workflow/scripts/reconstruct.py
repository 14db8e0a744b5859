"""Reconstruct the training and held-out items with one network."""

from itertools import islice
from pathlib import Path

from job import job

from rnnpipe.files import replacing
from rnnpipe.reconstruction.horizon import horizon_errors
from rnnpipe.reconstruction.reconstruct import feedback_std, reconstruct_utterances
from rnnpipe.results import Run
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of
from rnnpipe.windows.series import load_series
from rnnpipe.windows.store import PhoneTable

HEARD = 16  # largest number of training utterances to average the error over the horizon on

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    trained, held_out = experiment.utterances, load_held_out(snakemake.input.held_out)
    run, limit = Run(Path(snakemake.input.model).parent), snakemake.params.limit
    network, training_mse = run.network, run.summary["final_training_mse"]
    series = load_series(snakemake.input.windows, trained + held_out)
    phones = PhoneTable(snakemake.input.utterances)
    errors, by_phone = reconstruct_utterances(
        network,
        series,
        {item: phones_of(item, phones, experiment.order) for item in trained + held_out},
        snakemake.output.audio,
        limit=limit,
        noise_std=feedback_std(snakemake.params.feedback_noise, training_mse),
        seed=int(snakemake.wildcards.seed),
    )
    heard = list(islice(series, min(HEARD, len(trained))))
    horizon = horizon_errors(network, heard, limit)
    for name, table in (("table", errors), ("phones", by_phone), ("horizon", horizon)):
        with replacing(snakemake.output[name]) as temporary:
            table.to_csv(temporary, index=False)
