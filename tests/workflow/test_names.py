"""Recipes may be called what looks like a number or a missing value."""

import copy

import pandas as pd
from helpers.workflow import TINY, changed, snakemake

import rnnpipe


def test_recipes_called_none_and_2014_are_recipes(tmp_path):
    names = ["None", "2014", "nan"]
    recipes = {name: copy.deepcopy(TINY["recipes"]["clipped"]) for name in names}
    config = changed(experiment={"recipes": names, "hidden_sizes": [3]}, recipes=recipes)
    printed = snakemake(tmp_path, "all", config=config)
    assert all(f"\n{name} " in printed for name in names)
    settings = list(rnnpipe.open_results(tmp_path / "results"))
    assert settings == [(name, 3, 0) for name in names]
    table = pd.read_csv(tmp_path / "results/tables/mse.csv", dtype=str, keep_default_na=False)
    assert set(names) < set(table["recipe"])
    page = (tmp_path / "results/report.html").read_text()
    assert all(f"{name}, 3 hidden units, seed 0" in page for name in names)
