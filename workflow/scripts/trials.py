"""Make the trials on the chosen utterances of a shard; without rows if none is chosen."""

import os

# The products are small: several threads would wait for each other. Before numpy is there.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import pandas as pd
from job import job

from rnnpipe.dynamics.threshold import chosen, trials
from rnnpipe.files import replacing
from rnnpipe.windows.series import load_series

with job(snakemake):
    utterances = pd.read_parquet(snakemake.input.utterances, columns=["utterance"])["utterance"]
    shard = snakemake.wildcards.shard.replace("-", "/", 1)
    tables = [pd.DataFrame()]
    for number, utterance in enumerate(chosen(list(utterances)), 1):
        if utterance.startswith(f"{shard}/"):
            (speech,) = load_series([snakemake.input.windows], [utterance])
            mean, std = float(speech.samples.mean()), float(speech.samples.std())
            tables.append(trials(speech, mean, std, seed=100 * number))
    table = pd.concat(tables, ignore_index=True)
    with replacing(snakemake.output[0]) as temporary:
        table.to_parquet(temporary, index=False)
