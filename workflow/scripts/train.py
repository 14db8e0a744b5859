"""Train the network of one setting."""

import os

# Set before numpy and torch are imported. Threads are for groups of streams only. Threads inside
# each matrix product would make sums depend on their number, and would wait for each other.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# Arrow's own memory pool returns memory to the system between reads, so that the system has to
# clear it again for the next read.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

import logging
from pathlib import Path

from job import job

import rnnpipe
from rnnpipe.dynamics import forecast
from rnnpipe.report import provenance
from rnnpipe.training.live import Live
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import digest_of_training, save_run, take_over
from rnnpipe.training.train import choose_device, train
from rnnpipe.vocabulary import Setting
from rnnpipe.windows.experiment import Experiment
from rnnpipe.windows.series import load_series

with job(snakemake):
    experiment, named = Experiment.load(snakemake.input.experiment), snakemake.wildcards
    setting = Setting(named.recipe, int(named.hidden), int(named.seed))
    recipe = Recipe.from_config(snakemake.params.recipe)
    device = choose_device(snakemake.params.device)
    digest = digest_of_training(recipe, experiment, setting, str(device))
    folder = Path(snakemake.output.model).parent
    # These two keys are no params of the rule: a change of them trains nothing again.
    in_use = snakemake.config["experiment"]["recipes"]
    old_name = take_over(digest, setting, folder.parents[2], in_use)
    if old_name:
        logging.info("%s: the same training as that of %s, taken over", setting.name, old_name)
    else:
        wanted = snakemake.config["train"].get("tensorboard", False)
        events = Path("results/tensorboard", setting.folder) if wanted else None
        speech = load_series(snakemake.input.windows, experiment.utterances)
        given = {
            "hidden_size": setting.hidden_size,
            "seed": setting.seed,
            "mean": experiment.mean,
            "std": experiment.std,
            "num_phones": experiment.num_phones,
        }
        if warning := forecast.warning(recipe, speech, **given):
            logging.getLogger("rnnpipe").warning("%s: %s", setting.name, warning)
        with Live(snakemake.output.history, events) as live:
            run = train(
                recipe, speech, **given, device=device, threads=snakemake.threads, watch=live
            )
        code = Path(rnnpipe.__file__).parents[1]
        save_run(run, setting, folder, provenance.commit(code), digest)
