"""Draw MSE over hidden size, and the training curves."""

from pathlib import Path

import pandas as pd
from job import job

from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.sizes import plot_mse_over_hidden_size
from rnnpipe.results import Run

with job(snakemake):
    settings = pd.read_csv(snakemake.input.settings)
    histories = {
        setting: Run(Path(path).parent).history
        for setting, path in zip(snakemake.params.settings, snakemake.input.histories, strict=True)
    }
    plot_mse_over_hidden_size(pd.read_csv(snakemake.input.mse), snakemake.output.sizes[0])
    plot_training_curves(histories, settings, snakemake.output.training[0])
