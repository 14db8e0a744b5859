"""Draw where free runs get lost: the best setting of each recipe."""

from pathlib import Path

from job import job

from rnnpipe.figures.free_runs import plot_free_runs
from rnnpipe.figures.style import versions
from rnnpipe.files import read_table
from rnnpipe.findings.means import leaders, mean_over_utterances
from rnnpipe.results import Run
from rnnpipe.windows.experiment import Experiment
from rnnpipe.windows.items import phones_of
from rnnpipe.windows.store import PhoneTable

with job(snakemake):
    widths = snakemake.params.widths
    experiment = Experiment.load(snakemake.input.experiment)
    utterance = experiment.utterances[0]
    runs = {
        setting: Run(Path(path).parent)
        for setting, path in zip(snakemake.params.settings, snakemake.input.horizons, strict=True)
    }
    best = leaders(mean_over_utterances(read_table(snakemake.input.mse)), "free_running")
    drawn = {
        recipe: (
            f"{recipe}, {setting.hidden_size}",
            runs[setting].sound(utterance, "free_running"),
            runs[setting].horizon,
        )
        for recipe, setting in best.items()
    }
    original = next(iter(runs.values())).sound(utterance, "original")
    phones = phones_of(utterance, PhoneTable(snakemake.input.utterances), experiment.order)
    for path, width in versions(snakemake.output[0], snakemake.output.papers, widths):
        plot_free_runs(drawn, original, phones, experiment.order, path, width)
