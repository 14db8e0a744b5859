"""Draw one setting's reconstructions over their originals."""

from pathlib import Path

from job import job

from rnnpipe.figures.style import versions
from rnnpipe.figures.waveforms import plot_waveforms
from rnnpipe.reconstruction.sounds import read_sound
from rnnpipe.vocabulary import SOUNDS, Setting, file_name
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of
from rnnpipe.windows.store import PhoneTable

with job(snakemake):
    named, widths = snakemake.wildcards, snakemake.params.widths
    setting = Setting(named.recipe, int(named.hidden), int(named.seed))
    experiment = Experiment.load(snakemake.input.experiment)
    drawn = slice(snakemake.params.max_utterances)
    held_out = load_held_out(snakemake.input.held_out)
    phones = PhoneTable(snakemake.input.utterances)
    for item in experiment.utterances[drawn] + held_out[drawn]:
        sounds = [read_sound(snakemake.input.audio, item, kind) for kind in SOUNDS]
        figure = Path(snakemake.output[0], f"{file_name(item)}.svg")
        for path, width in versions(figure, figure.parent / "papers", widths):
            plot_waveforms(
                *sounds,
                phones_of(item, phones, experiment.order),
                experiment.order,
                snakemake.params.zoom_ms,
                path,
                f"{item}: {setting.name}",
                width,
            )
