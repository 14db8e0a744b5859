"""Select the training items of the experiment."""

from job import job

from rnnpipe.files import read_table
from rnnpipe.windows.experiment import describe
from rnnpipe.windows.selection import select_from
from rnnpipe.windows.series import load_series, read_about
from rnnpipe.windows.store import PhoneTable

with job(snakemake):
    about = read_about(snakemake.input.windows[0])
    chosen = select_from(
        snakemake.input.utterances,
        set(read_table(snakemake.input.rejected)["utterance"]),
        snakemake.params.utterances,
        order=about["order"],
        key="experiment.utterances",
    )
    series = load_series(snakemake.input.windows, chosen)
    phones = PhoneTable(snakemake.input.utterances)
    describe(series, len(about["phones"]), phones).save(snakemake.output[0])
