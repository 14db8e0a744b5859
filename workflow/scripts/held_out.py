"""Select the held-out items of the experiment: measured like the rest, but never trained on."""

from job import job

from rnnpipe.files import read_table
from rnnpipe.windows.experiment import Experiment, save_held_out
from rnnpipe.windows.selection import check_apart, select_from
from rnnpipe.windows.series import load_series
from rnnpipe.windows.store import PhoneTable

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    held_out = select_from(
        snakemake.input.utterances,
        set(read_table(snakemake.input.rejected)["utterance"]),
        snakemake.params.utterances,
        order=experiment.order,
        key="experiment.held_out",
    )
    check_apart(experiment.utterances, held_out)
    series = load_series(snakemake.input.windows, held_out)
    save_held_out(series, PhoneTable(snakemake.input.utterances), snakemake.output[0])
