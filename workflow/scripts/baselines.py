"""Measure the baselines."""

from job import job

from rnnpipe.files import replacing
from rnnpipe.reconstruction.baselines import baseline_rows
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.series import load_series

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    table = baseline_rows(
        load_series(snakemake.input.windows, experiment.utterances),
        load_series(snakemake.input.windows, load_held_out(snakemake.input.held_out)),
        experiment.mean,
        experiment.std,
        snakemake.params.limit,
    )
    with replacing(snakemake.output[0]) as temporary:
        table.to_csv(temporary, index=False)
