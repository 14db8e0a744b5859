"""The results of the 2014 note are reproduced."""

import os
import shutil

import pandas as pd
import pytest
import yaml
from helpers.workflow import (
    REPOSITORY,
    snakemake,
)


@pytest.mark.skipif(
    "RNNPIPE_TIMIT_ROOT" not in os.environ,
    reason="needs TRAIN/DR8/FCLT0/SI2068 of real TIMIT: set RNNPIPE_TIMIT_ROOT",
)
def test_the_2014_note_comes_out_as_published(tmp_path):
    shutil.copy(REPOSITORY / "config.yaml", tmp_path)
    preset = REPOSITORY / "workflow/presets/dumoulin2014.yaml"
    part = {
        "experiment": {"recipes": ["dumoulin2014", "clipped"], "hidden_sizes": [100], "seeds": [0]}
    }
    (tmp_path / "part.yaml").write_text(yaml.safe_dump(part))
    snakemake(tmp_path, "all", "--configfile", str(preset), "part.yaml")
    settings = pd.read_csv(tmp_path / "results/tables/settings.csv").set_index("recipe")
    mse = pd.read_csv(tmp_path / "results/tables/mse.csv").set_index(["recipe", "reconstruction"])
    assert 0.35 < settings.loc["dumoulin2014", "final_training_mse"] < 0.45, "the note: 0.426"
    persistence = mse.loc[("baseline:persistence", "teacher_forced"), "nmse"]
    assert persistence == pytest.approx(0.244, abs=0.005)
    assert mse.loc[("dumoulin2014", "teacher_forced"), "nmse"] > persistence
    assert mse.loc[("dumoulin2014", "free_running"), "nmse"] > 1
    assert settings.loc["clipped", "updates"] <= 3000
    assert mse.loc[("clipped", "teacher_forced"), "nmse"] <= 0.003
