"""Write the report page."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd
from job import job

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.experiment import Experiment, load_held_out
from rnnpipe.remarks import remarks
from rnnpipe.report import write_report
from rnnpipe.stability import at_start, cures
from rnnpipe.tables import read_run

with job(snakemake):
    settings = snakemake.params.settings
    experiment = Experiment.load(snakemake.input.experiment)
    corpus = pd.read_parquet(snakemake.input.utterances, columns=["num_samples"])["num_samples"]
    config = snakemake.params.config
    shown = slice(config["report"]["utterances"])
    drawn = experiment.utterances[shown] + load_held_out(snakemake.input.held_out)[shown]
    root = config["corpus"]["root"]
    runs = [read_run(path) for path in snakemake.input.runs]
    histories = [pd.read_parquet(path) for path in snakemake.input.histories]
    dynamics = [pd.read_parquet(path) for path in snakemake.input.dynamics]
    starts = [at_start(run, measured) for run, measured in zip(runs, dynamics, strict=True)]
    mse = pd.read_csv(snakemake.input.mse)
    write_report(
        snakemake.output[0],
        title=config["report"]["title"],
        mse=mse,
        settings=pd.read_csv(snakemake.input.settings),
        run_folders={
            setting: Path(audio).parent
            for setting, audio in zip(settings, snakemake.input.audio, strict=True)
        },
        waveform_figures={
            (setting, utterance): Path(folder, f"{utterance.replace('/', '-')}.png")
            for setting, folder in zip(settings, snakemake.input.waveforms, strict=True)
            for utterance in drawn
        },
        curve_figure=Path(snakemake.input.training),
        size_figure=Path(snakemake.input.sizes),
        stability_figure=Path(snakemake.input.stability),
        starts=starts,
        cures=cures(starts, runs, histories),
        config=config,
        versions={name: version(name) for name in ("rnnpipe", "snakemake", "torch", "numba")},
        corpus={
            "name": "mini-TIMIT" if root is None else "TIMIT",
            "root": root,
            "synthetic": root is None,
            "utterances": len(corpus),
            "rejected": pd.read_csv(snakemake.input.rejected)["utterance"].nunique(),
            "hours": corpus.sum() / SAMPLING_RATE / 3600,
        },
        remarks=remarks(mse, config["reconstruct"]["sample"]),
    )
