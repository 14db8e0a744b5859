"""A training can be watched while it runs, and what is watched changes nothing."""

import pandas as pd
import pytest
from helpers.speech import series
from helpers.training import ORDER, SHORT, flat, run

from rnnpipe.training import live
from rnnpipe.training.live import Live
from rnnpipe.training.recipes import Recipe

RECIPE = Recipe(**SHORT)


def test_the_history_grows_on_disk_and_ends_as_that_of_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "SECONDS_BETWEEN_WRITES", 0)
    path, lengths = tmp_path / "history.parquet", []

    def look(rows):
        watch(rows)
        seen = pd.read_parquet(path)
        assert list(seen["mse"]) == [row.mse for row in rows]
        lengths.append(len(seen))

    with Live(path) as watch:
        done = run(RECIPE, [series(400, ORDER)], watch=look)
    assert lengths == list(range(1, len(done.history) + 1))
    pd.testing.assert_frame_equal(pd.read_parquet(path), done.history)
    assert (flat(done.network) == flat(run(RECIPE, [series(400, ORDER)]).network)).all()


def test_an_interrupted_training_leaves_the_history_so_far(tmp_path):
    path = tmp_path / "history.parquet"

    def stop(rows):
        watch(rows)
        if len(rows) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Live(path) as watch:
        run(RECIPE, [series(400, ORDER)], watch=stop)
    assert list(pd.read_parquet(path)["update"]) == [1, 2, 3]


def test_tensorboard_reads_the_curves(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # the second training replaces the first
        with Live(tmp_path / "history.parquet", tmp_path / "events") as watch:
            done = run(RECIPE, [series(400, ORDER)], watch=watch)
    events = reader.EventAccumulator(str(tmp_path / "events")).Reload()
    shown = events.Scalars("mse")
    assert [event.step for event in shown] == list(done.history["update"])
    assert [event.value for event in shown] == pytest.approx(list(done.history["mse"]), rel=1e-6)
