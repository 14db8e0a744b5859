"""Gather all settings into the three tables."""

import pandas as pd
from job import job

from rnnpipe.experiment import Experiment, load_held_out
from rnnpipe.files import replacing
from rnnpipe.items import phones_of
from rnnpipe.phone_errors import gather_phone_errors
from rnnpipe.tables import gather, read_run

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    held_out = load_held_out(snakemake.input.held_out)
    mse, settings = gather(
        [read_run(path) for path in snakemake.input.runs],
        [pd.read_csv(path) for path in snakemake.input.reconstructions],
        [pd.read_parquet(path) for path in snakemake.input.dynamics],
        pd.read_csv(snakemake.input.baselines),
        held_out,
    )
    phones = pd.read_parquet(snakemake.input.utterances).set_index("utterance")["phones"]
    by_phone = gather_phone_errors(
        snakemake.params.settings,
        snakemake.input.audio,
        {
            item: phones_of(item, phones, experiment.order)
            for item in experiment.utterances + held_out
        },
        experiment.order,
        held_out,
    )
    for table, path in zip((mse, settings, by_phone), snakemake.output, strict=True):
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False)
