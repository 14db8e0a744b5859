"""Draw why the error goes up."""

import pandas as pd
from job import job

from rnnpipe.figures.stability import plot_stability
from rnnpipe.findings.stability import at_start, subject
from rnnpipe.training.runs import read_run

with job(snakemake):
    runs = [read_run(path) for path in snakemake.input.runs]
    dynamics = [pd.read_parquet(path) for path in snakemake.input.dynamics]
    histories = [pd.read_parquet(path) for path in snakemake.input.histories]
    starts = [at_start(run, measured) for run, measured in zip(runs, dynamics, strict=True)]
    own = [i for i, start in enumerate(starts) if start.recipe == subject(starts)]
    plot_stability(
        [starts[i] for i in own],
        [histories[i] for i in own],
        [dynamics[i] for i in own],
        snakemake.output[0],
    )
