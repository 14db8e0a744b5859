"""Draw why the error goes up."""

from pathlib import Path

from job import job

from rnnpipe.figures.stability import plot_stability
from rnnpipe.figures.style import versions
from rnnpipe.findings.stability import at_start, subject
from rnnpipe.results import Run

with job(snakemake):
    widths = snakemake.params.widths
    runs = [Run(Path(path).parent) for path in snakemake.input.runs]
    starts = [at_start(run.summary, run.dynamics) for run in runs]
    own = [i for i, start in enumerate(starts) if start.setting.recipe == subject(starts)]
    for path, width in versions(snakemake.output[0], snakemake.output.papers, widths):
        plot_stability(
            [starts[i] for i in own],
            [runs[i].history for i in own],
            [runs[i].dynamics for i in own],
            path,
            width,
        )
