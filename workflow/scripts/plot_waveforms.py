"""Draw one setting's reconstructions over their originals."""

from pathlib import Path

import pandas as pd
import soundfile
from job import job

from rnnpipe.figures.waveforms import plot_waveforms
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of

with job(snakemake):
    setting = "{recipe}, {hidden} hidden units, seed {seed}".format(**snakemake.wildcards)
    experiment = Experiment.load(snakemake.input.experiment)
    drawn = slice(snakemake.params.utterances)
    held_out = load_held_out(snakemake.input.held_out)
    phones = pd.read_parquet(snakemake.input.utterances).set_index("utterance")["phones"]
    for utterance in experiment.utterances[drawn] + held_out[drawn]:
        name = utterance.replace("/", "-")
        sounds = [
            soundfile.read(Path(snakemake.input.audio, f"{name}.{kind}.wav"), dtype="int16")[0]
            for kind in ("original", "teacher_forced", "free_running")
        ]
        plot_waveforms(
            *sounds,
            [
                (phone["start"], phone["end"], phone["label"])
                for phone in phones_of(utterance, phones, experiment.order)
            ],
            experiment.order,
            snakemake.params.zoom_ms,
            Path(snakemake.output[0], f"{name}.svg"),
            f"{utterance}: {setting}",
        )
