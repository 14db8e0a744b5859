"""Join the tables of the shards, and delete files of other corpora beside them."""

import logging
from pathlib import Path

import pandas as pd
from job import job

from rnnpipe.errors import RnnpipeError
from rnnpipe.files import read_table, replacing
from rnnpipe.windows.store import gather_utterances

with job(snakemake):
    shards = {Path(table).stem for table in snakemake.input.tables}
    for folder in (Path(snakemake.input.tables[0]).parent, Path(snakemake.params.windows)):
        for path in folder.glob("*.*"):
            if path.stem not in shards:
                path.unlink()
    rejected = pd.concat([read_table(path) for path in snakemake.input.rejected])
    with replacing(snakemake.output.rejected) as temporary:
        # A problem that concerns no single utterance is in the tables of all shards.
        rejected.drop_duplicates().to_csv(temporary, index=False)
    found = gather_utterances(snakemake.input.tables, snakemake.output.utterances)
    left_out = rejected["utterance"].nunique()
    if left_out:
        logging.getLogger("rnnpipe").warning(
            "left out %d of %d utterances, and %s says why",
            left_out,
            left_out + found,
            snakemake.output.rejected,
        )
    if not found:
        raise RnnpipeError(
            f"{snakemake.params.root}: no utterance could be read (corpus.root); "
            "results/corpus/shards/*.csv say why."
        )
