"""Measure what decides whether one training is stable."""

from pathlib import Path

from job import job

from rnnpipe.dynamics.measure import measure
from rnnpipe.dynamics.stretches import cut_stretches
from rnnpipe.files import replacing
from rnnpipe.results import Run
from rnnpipe.training.recipes import Recipe
from rnnpipe.windows.experiment import Experiment
from rnnpipe.windows.series import load_series

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    series = load_series(snakemake.input.windows, experiment.utterances)
    run = Run(Path(snakemake.input.model).parent)
    table = measure(
        run.network,
        Recipe.from_config(snakemake.params.recipe),
        cut_stretches(series, experiment.mean, experiment.std, snakemake.params.samples),
        run.snapshots,
        run.history,
        run.second_moments,
    )
    with replacing(snakemake.output[0]) as temporary:
        table.to_parquet(temporary, index=False)
