"""Draw where free runs get lost: the best setting of each recipe."""

from pathlib import Path

import pandas as pd
import soundfile
from job import job

from rnnpipe.figures.free_runs import plot_free_runs
from rnnpipe.findings.means import leaders
from rnnpipe.windows.experiment import Experiment
from rnnpipe.windows.items import phones_of

with job(snakemake):
    experiment = Experiment.load(snakemake.input.experiment)
    utterance = experiment.utterances[0]
    sound = utterance.replace("/", "-")
    settings = snakemake.params.settings
    audio = dict(zip(settings, snakemake.input.audio, strict=True))
    horizons = dict(zip(settings, snakemake.input.horizons, strict=True))

    def read(setting, kind):
        return soundfile.read(Path(audio[setting], f"{sound}.{kind}.wav"), dtype="int16")[0]

    best = leaders(pd.read_csv(snakemake.input.mse))
    phones = pd.read_parquet(snakemake.input.utterances).set_index("utterance")["phones"]
    plot_free_runs(
        {
            recipe: (
                f"{recipe}, {setting[1]}",
                read(setting, "free_running"),
                pd.read_csv(horizons[setting]),
            )
            for recipe, setting in best.items()
        },
        read(settings[0], "original"),
        [
            (phone["start"], phone["end"], phone["label"])
            for phone in phones_of(utterance, phones, experiment.order)
        ],
        experiment.order,
        snakemake.output[0],
    )
