"""Draw MSE over hidden size, and the training curves."""

from pathlib import Path

from job import job

from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.sizes import plot_mse_over_hidden_size
from rnnpipe.files import read_table
from rnnpipe.results import Run

with job(snakemake):
    settings = read_table(snakemake.input.settings)
    histories = {
        setting: Run(Path(path).parent).history
        for setting, path in zip(snakemake.params.settings, snakemake.input.histories, strict=True)
    }
    plot_mse_over_hidden_size(read_table(snakemake.input.mse), snakemake.output.sizes[0])
    plot_training_curves(histories, settings, snakemake.output.training[0])
