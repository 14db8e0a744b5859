"""Ask the trials of all utterances from which sharpness on the error rises, and what else tells."""

import pandas as pd
from job import job

from rnnpipe.figures.threshold import plot_threshold
from rnnpipe.files import replacing
from rnnpipe.findings.threshold import collect, mechanism, scores, surgery, thresholds, two_by_two

with job(snakemake):
    trials = collect([pd.read_parquet(path) for path in snakemake.input])
    found = {
        "threshold": thresholds(trials),
        "scores": scores(trials),
        "mechanism": pd.DataFrame([mechanism(trials)]),
        "surgery": surgery(trials),
        "two_by_two": two_by_two(trials),
    }
    for name, table in found.items():
        with replacing(snakemake.output[name]) as temporary:
            table.to_csv(temporary, index=False)
    plot_threshold(trials, found, snakemake.output.figure[0])
