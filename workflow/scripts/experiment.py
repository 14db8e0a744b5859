"""Pick the utterances of the experiment."""

import pandas as pd
from job import job

from rnnpipe.experiment import describe, select
from rnnpipe.windows import load_series, read_about

with job(snakemake):
    available = pd.read_parquet(snakemake.input.utterances, columns=["utterance"])["utterance"]
    rejected = pd.read_csv(snakemake.input.rejected)["utterance"]
    chosen = select(available.tolist(), snakemake.params.utterances, set(rejected))
    num_phones = len(read_about(snakemake.input.windows[0])["phones"])
    series = load_series(snakemake.input.windows, chosen)
    describe(series, num_phones).save(snakemake.output[0])
