"""Draw MSE over hidden size, and the training curves."""

from pathlib import Path

from job import job

from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.sizes import plot_mse_over_hidden_size
from rnnpipe.figures.style import versions
from rnnpipe.files import read_table
from rnnpipe.results import Run

with job(snakemake):
    drawn, widths = snakemake.output, snakemake.params.widths
    settings = read_table(snakemake.input.settings)
    histories = {
        setting: Run(Path(path).parent).history
        for setting, path in zip(snakemake.params.settings, snakemake.input.histories, strict=True)
    }
    for path, width in versions(drawn.sizes[0], drawn.papers_sizes, widths):
        plot_mse_over_hidden_size(read_table(snakemake.input.mse), path, width)
    for path, width in versions(drawn.training[0], drawn.papers_training, widths):
        plot_training_curves(histories, settings, path, width)
