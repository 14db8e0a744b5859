"""Measure what one training's stability hung on."""

import pandas as pd
from job import job

from rnnpipe.dynamics.measure import measure
from rnnpipe.dynamics.stretches import cut_stretches
from rnnpipe.files import replacing
from rnnpipe.model import Network
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import load_snapshots
from rnnpipe.windows.experiment import Experiment
from rnnpipe.windows.series import load_series

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    series = load_series(snakemake.input.windows, experiment.utterances)
    table = measure(
        Network.load(snakemake.input.model),
        Recipe.from_config(snakemake.params.recipe),
        cut_stretches(series, experiment.mean, experiment.std, snakemake.params.samples),
        load_snapshots(snakemake.input.snapshots),
        pd.read_parquet(snakemake.input.history),
    )
    with replacing(snakemake.output[0]) as temporary:
        table.to_parquet(temporary, index=False)
