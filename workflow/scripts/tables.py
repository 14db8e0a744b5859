"""Gather all settings into the two tables."""

import pandas as pd
from job import job

from rnnpipe.files import replacing
from rnnpipe.tables import gather, read_run

with job(snakemake):
    tables = gather(
        [read_run(path) for path in snakemake.input.runs],
        [pd.read_csv(path) for path in snakemake.input.reconstructions],
        [pd.read_parquet(path) for path in snakemake.input.dynamics],
        pd.read_csv(snakemake.input.baselines),
    )
    for table, path in zip(tables, snakemake.output, strict=True):
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False)
