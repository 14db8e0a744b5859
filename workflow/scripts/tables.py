"""Gather all settings into the three tables."""

import pandas as pd
from job import job

from rnnpipe.experiment import Experiment
from rnnpipe.files import replacing
from rnnpipe.phone_errors import gather_phone_errors
from rnnpipe.tables import gather, read_run

with job(snakemake):
    mse, settings = gather(
        [read_run(path) for path in snakemake.input.runs],
        [pd.read_csv(path) for path in snakemake.input.reconstructions],
        [pd.read_parquet(path) for path in snakemake.input.dynamics],
        pd.read_csv(snakemake.input.baselines),
    )
    experiment = Experiment.load(snakemake.input.experiment)
    utterances = pd.read_parquet(snakemake.input.utterances).set_index("utterance")["phones"]
    phones = gather_phone_errors(
        snakemake.params.settings,
        snakemake.input.audio,
        {utterance: utterances[utterance] for utterance in experiment.utterances},
        experiment.order,
    )
    for table, path in zip((mse, settings, phones), snakemake.output, strict=True):
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False)
