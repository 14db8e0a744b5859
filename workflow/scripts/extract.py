"""Cut one shard of the corpus into windows."""

import csv

from job import job

from rnnpipe.corpus.layouts import Problem
from rnnpipe.corpus.timit import read_corpus
from rnnpipe.errors import CorpusError
from rnnpipe.files import replacing
from rnnpipe.windows.store import extract

with job(snakemake):
    corpus, order = snakemake.params.corpus, snakemake.params.order
    how = {key: corpus[key] for key in ("layout", "nltk_split")} | {"min_samples": order + 1}
    rejected: list[Problem] | None = [] if corpus["on_bad_utterance"] == "skip" else None
    shard = snakemake.wildcards.shard
    try:
        extract(
            read_corpus(snakemake.params.root, **how, shard=shard, rejected=rejected),
            snakemake.output.utterances,
            snakemake.output.windows,
            order=order,
            length=snakemake.params.length,
            inventory=snakemake.params.inventory,
        )
    except CorpusError:
        # Report all problems of the corpus together, not only those of this shard.
        for _ in read_corpus(snakemake.params.root, **how):
            pass
        raise
    with replacing(snakemake.output.rejected) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([Problem._fields, *(rejected or [])])
