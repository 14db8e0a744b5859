"""Tables are read as they were written."""

import pandas as pd
import pytest

from rnnpipe.files import read_table

NAMES = ["None", "2014", "NA", "nan", "null", "1e5", "True", "007", "-"]
NAMES += ["inf", "1_0", "N-A", "2014-01-01"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_text_whatever_it_looks_like(name, tmp_path):
    table = pd.DataFrame(
        {
            "recipe": [name, name], "hidden_size": [5, 3], "utterance": ["A/B", name],
            "mse": [0.5, float("nan")], "stopped_at": pd.array([7, pd.NA], "Int64"),
            "nmse": [float("inf"), 1e-9],
        }
    )  # fmt: skip
    table.to_csv(tmp_path / "table.csv", index=False)
    read = read_table(tmp_path / "table.csv")
    assert read["recipe"].tolist() == [name, name]
    assert read["utterance"].tolist() == ["A/B", name]
    pd.testing.assert_frame_equal(
        read[["hidden_size", "mse", "stopped_at", "nmse"]],
        table[["hidden_size", "mse", "stopped_at", "nmse"]].astype({"stopped_at": float}),
    )
