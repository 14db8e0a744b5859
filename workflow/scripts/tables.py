"""Gather all settings into the tables, and write them for papers and terminals too."""

from pathlib import Path

import pandas as pd
from job import job

from rnnpipe.files import replacing
from rnnpipe.findings.tables import gather
from rnnpipe.reconstruction.phone_errors import gather_phone_errors, mean_phone_errors
from rnnpipe.report.export import write_exports
from rnnpipe.training.runs import read_run
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of

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
    errors = gather_phone_errors(
        snakemake.params.settings,
        snakemake.input.audio,
        {
            item: phones_of(item, phones, experiment.order)
            for item in experiment.utterances + held_out
        },
        experiment.order,
        experiment.std,
        held_out,
    )
    means = {key: mean_phone_errors(errors, key) for key in ("phone", "phone_class")}
    tables = {"mse": mse, "settings": settings, "phones": errors}
    tables |= {f"by_{key}": table for key, table in means.items()}
    for name, table in tables.items():
        with replacing(snakemake.output[name]) as temporary:
            table.to_csv(temporary, index=False)
    write_exports(Path(snakemake.output.mse).parent, mse, settings, means)
