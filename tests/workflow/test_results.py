"""A finished run, opened in Python: the same numbers, sounds and networks as in its files."""

import re

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers.workflow import UTTERANCE

import rnnpipe
from rnnpipe.vocabulary import RunFile


@pytest.fixture(scope="module")
def results(finished):
    return rnnpipe.open_results(finished / "results")


def test_it_is_a_mapping_from_settings_to_runs_in_the_order_of_the_tables(results, finished):
    table = pd.read_csv(finished / "results/tables/settings.csv")
    assert [tuple(setting) for setting in results] == list(
        table[["recipe", "hidden_size", "seed"]].itertuples(index=False, name=None)
    )
    assert len(results) == 4
    for setting, run in results.items():
        assert run.setting == setting
        assert run.folder == finished / "results/runs" / setting.folder
    pd.testing.assert_frame_equal(results.settings, table)
    assert set(results.mse["reconstruction"]) == {"teacher_forced", "free_running"}


def test_a_run_has_all_that_its_folder_holds(results):
    run = results["clipped", 5, 0]
    assert len(run.history) == run.summary["updates"] == 20
    assert run.dynamics["update"].tolist() == list(run.snapshots) == [1, 3, 11, 21]
    assert set(run.errors["utterance"]) == {UTTERANCE}
    assert run.horizon["samples"].is_monotonic_increasing
    assert (run.network.hidden_size, run.network.order) == (5, 16)
    wav = run.folder / RunFile.RECONSTRUCTIONS / f"{UTTERANCE.replace('/', '-')}.original.wav"
    np.testing.assert_array_equal(
        run.sound(UTTERANCE, "original"), soundfile.read(wav, dtype="int16")[0]
    )


def test_a_network_reconstructs_again_what_the_workflow_wrote(results):
    network, (speech,) = results["clipped", 5, 0].network, results.series()
    signal = speech.standardised(network.mean, network.std)
    free = rnnpipe.free_run(network, signal[: speech.order], speech.phones)
    errors = results["clipped", 5, 0].errors.set_index("reconstruction")
    again = rnnpipe.nmse(signal[speech.order :], free.samples)
    assert again == pytest.approx(errors.loc["free_running", "nmse"], rel=1e-12)


def test_other_utterances_of_the_corpus_are_at_hand(results):
    assert len(results.utterances) == 100
    other = next(name for name in results.utterances if name != UTTERANCE)
    speech, phones = results.series([other])[0], results.phones(other)
    assert speech.item == other
    assert phones[-1].end <= speech.samples.size
    vowel = next(phone for phone in phones if phone.label in ("iy", "ow", "ae", "ix", "ax", "ih"))
    item = f"{other}/{vowel.label}-{vowel.start}-{vowel.end}"
    assert results.phones(item)[-1].label == vowel.label


def test_what_is_not_there_is_named(results, tmp_path):
    with pytest.raises(KeyError) as caught:
        results["clipped", 7, 0]
    said = r".* has no setting \('clipped', 7, 0\) \(.*\); it has: \('note', 3, 0\); .*"
    assert re.fullmatch(said, str(caught.value))
    assert "clipped" not in results
    for ask in (results.phones, lambda item: results.series([item])):
        with pytest.raises(
            rnnpipe.RnnpipeError, match="'TRAIN/DR8/FXWH7/SI1'; the nearest are TRAIN"
        ):
            ask("TRAIN/DR8/FXWH7/SI1")
    with pytest.raises(rnnpipe.RnnpipeError, match="settings.csv: there is no such table"):
        rnnpipe.open_results(tmp_path)
    with pytest.raises(rnnpipe.RnnpipeError, match="history.parquet: there is no such file"):
        _ = rnnpipe.Run(tmp_path).history
