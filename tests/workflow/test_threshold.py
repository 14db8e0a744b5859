"""`snakemake threshold`: from a corpus to the tables and the figure of its study."""

import numpy as np
import pandas as pd
from helpers.recordings import sphere
from helpers.trees import write
from helpers.workflow import changed, snakemake


def test_the_trials_of_a_corpus_of_two_speakers_end_in_tables_and_a_figure(tmp_path):
    ids = ["TRAIN/DR1/FCJF0/SI1", "TEST/DR8/MABC0/SI2"]
    for seed, utterance in enumerate(ids):
        noise = np.random.default_rng(seed).normal(0, 900, 309)
        samples = np.convolve(noise, np.hanning(10), "valid").astype(np.int16)
        folder, sentence = (tmp_path / "corpus" / utterance).parent, utterance[-3:]
        labels = b"0 100 h#\n100 200 sh\n200 300 h#\n"
        write(folder, sentence, WAV=sphere(samples), PHN=labels, WRD=b"100 200 she\n")
        write(folder, "SA1")
    config = changed(corpus={"root": str(tmp_path / "corpus")}, experiment={"utterances": ids[:1]})
    snakemake(tmp_path, "threshold", config=config)
    results = tmp_path / "results/threshold"
    for shard in ("TRAIN-DR1", "TEST-DR8"):
        trials = pd.read_parquet(results / f"trials/{shard}.parquet")
        assert trials["utterance"].str.startswith(shard.replace("-", "/")).all()
        assert trials["part"].value_counts()[["law", "two_by_two"]].tolist() == [66, 4]
    found = pd.read_csv(results / "threshold.csv")
    assert found["trials"].tolist() == [132, 66, 66]
    assert found["low"].le(found["threshold"]).all() and found["high"].ge(found["threshold"]).all()
    assert pd.read_csv(results / "scores.csv")["wrong"].between(0, 132).all()
    assert "limit of the step" in (results / "threshold.svg").read_text()
    assert (results / "threshold.png").exists()
    assert not (tmp_path / "results/runs").exists()  # no network of the experiment is trained
    assert "Nothing to be done" in snakemake(tmp_path, "threshold")
