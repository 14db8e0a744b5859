"""Make the trials on one utterance; without rows if the corpus has too few speakers."""

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
    number, own = int(snakemake.wildcards.speaker), chosen(list(utterances))
    table = pd.DataFrame()
    if number < len(own):
        (speech,) = load_series(snakemake.input.windows, [own[number]])
        mean, std = float(speech.samples.mean()), float(speech.samples.std())
        table = trials(speech, mean, std, seed=100 * (number + 1))
    with replacing(snakemake.output[0]) as temporary:
        table.to_parquet(temporary, index=False)
