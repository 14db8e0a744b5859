"""Write the report page."""

from pathlib import Path

import pandas as pd
from job import job

import rnnpipe
from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.files import read_table
from rnnpipe.findings.remarks import remarks
from rnnpipe.findings.stability import at_start, cures
from rnnpipe.report import provenance
from rnnpipe.report.page import Made, write_report
from rnnpipe.results import Run
from rnnpipe.training.runs import older_version
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of
from rnnpipe.windows.store import PhoneTable

with job(snakemake):
    given, params = snakemake.input, snakemake.params
    settings, config = params.settings, params.config
    experiment = Experiment.load(given.experiment)
    shown = slice(config["report"]["max_utterances"])
    drawn = experiment.utterances[shown] + load_held_out(given.held_out)[shown]
    corpus = pd.read_parquet(given.utterances, columns=["utterance", "num_samples"])
    phones = PhoneTable(given.utterances)
    runs = [Run(Path(path).parent) for path in given.runs]
    starts = [at_start(run.summary, run.dynamics) for run in runs]
    code = Path(rnnpipe.__file__).parents[1]
    versions = provenance.versions(code) | {
        "git commit": provenance.commit(code) or "none",
        "Trained at git commit": ", ".join(
            dict.fromkeys(run.summary.get("git_commit") or "none" for run in runs)
        ),
    }
    versions |= provenance.machine()
    root = config["corpus"]["root"]
    mse = read_table(given.mse)
    write_report(
        snakemake.output[0],
        title=config["report"]["title"],
        mse=mse,
        settings=read_table(given.settings),
        rates=read_table(given.rates),
        phones={key: read_table(given[f"by_{key}"]) for key in ("phone", "phone_class")},
        tables={
            name: Path(given[name])
            for name in ("mse", "settings", "rates", "by_phone", "by_phone_class")
        },
        run_folders={setting: run.folder for setting, run in zip(settings, runs, strict=True)},
        utterances={item: phones_of(item, phones, experiment.order) for item in drawn},
        order=experiment.order,
        drawn={name: Path(given[name]) for name in ("sizes", "training", "stability", "free_runs")},
        starts=starts,
        cures=cures(starts, [run.summary for run in runs], [run.history for run in runs]),
        corpus={
            "name": "mini-TIMIT" if root is None else "TIMIT",
            "root": root,
            "synthetic": root is None,
            "utterances": len(corpus),
            "hours": corpus["num_samples"].sum() / SAMPLING_RATE / 3600,
        },
        remarks=[
            *remarks(mse, config["reconstruct"]["feedback_noise"]),
            *filter(None, [older_version([run.summary for run in runs])]),
        ],
        made=Made(
            config=config,
            versions=versions,
            jobs=provenance.jobs(params.benchmarks, settings),
            graph=params.graph,
            rejected=read_table(given.rejected),
        ),
    )
