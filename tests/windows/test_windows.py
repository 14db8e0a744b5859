"""Windows in Parquet: data is read back as written, and a failure leaves no files."""

import json
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.speech import made_up

from rnnpipe.corpus.phones import PHONES, Segment, encode
from rnnpipe.corpus.timit import Utterance
from rnnpipe.errors import RnnpipeError
from rnnpipe.windows.series import Series, load_series, read_about
from rnnpipe.windows.store import ExactSums, extract, gather_utterances

ORDER, LENGTH = 7, 10


CORPUS = [
    made_up("TEST/DR1/MABC0/SX2", ORDER + 1),
    made_up("TRAIN/DR2/FABC0/SA1", ORDER + LENGTH),
    made_up("TRAIN/DR2/FABC0/SX3", ORDER + LENGTH + 1),
    made_up("TEST/DR3/FDEF1/SI4", ORDER + 3 * LENGTH - 1),
    made_up("TRAIN/DR8/MXYZ0/SI5", 3331),  # 333 windows
]


@pytest.fixture
def extracted(tmp_path):
    """The folder with utterances.parquet, TRAIN.parquet and TEST.parquet of `CORPUS`."""
    write(tmp_path, CORPUS)
    return tmp_path


def write(folder, corpus, order=ORDER, length=LENGTH):
    corpus = list(corpus)
    for split in ("TRAIN", "TEST"):
        here = [utterance for utterance in corpus if utterance.split == split]
        table = folder / f"{split}.table"
        extract(here, table, folder / f"{split}.parquet", order=order, length=length)
    tables = [folder / "TRAIN.table", folder / "TEST.table"]
    return gather_utterances(tables, folder / "utterances.parquet")


def files(folder):
    return [folder / "TRAIN.parquet", folder / "TEST.parquet"]


# --- round trip ---------------------------------------------------------------------------------


def test_every_utterance_comes_back_whole(extracted):
    for one, back in zip(
        CORPUS, load_series(files(extracted), [one.utterance for one in CORPUS]), strict=True
    ):
        assert back.item == one.utterance
        assert back.samples.dtype == np.int16
        np.testing.assert_array_equal(back.samples, one.samples)
        assert back.phones.dtype == np.uint8
        np.testing.assert_array_equal(
            back.phones, encode(one.phones, one.samples.size)[back.order :]
        )
        assert back.order == ORDER


@pytest.mark.parametrize(("order", "length"), [(1, 1), (1, 5000), (200, 3), (3, 128)])
def test_any_order_and_length_come_back_whole(tmp_path, order, length):
    corpus = [made_up(f"TRAIN/DR1/FABC0/SX{i}", order + size) for i, size in enumerate([1, 128, 9])]
    assert write(tmp_path, corpus, order, length) == 3
    for one, back in zip(
        corpus, load_series(files(tmp_path), [one.utterance for one in corpus]), strict=True
    ):
        np.testing.assert_array_equal(back.samples, one.samples)
        assert back.phones.size == one.samples.size - order


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts the bytes read")
def test_one_utterance_is_read_without_reading_the_rest(tmp_path):
    corpus = [made_up(f"TRAIN/DR1/FABC{i % 10}/SX{i}", 200 + 16 * 3200) for i in range(100)]
    corpus.sort(key=lambda one: one.utterance)
    write(tmp_path, corpus, 200, 3200)
    path = tmp_path / "TRAIN.parquet"

    def bytes_read():
        return int(Path("/proc/self/io").read_text().split()[1])

    before = bytes_read()
    (back,) = load_series([path], [corpus[50].utterance])
    read = bytes_read() - before
    assert back.samples.size == 200 + 16 * 3200
    assert back.samples.nbytes / 2 < read < path.stat().st_size / 10


def test_a_corpus_is_read_as_it_is_asked_for_and_not_kept(tmp_path):
    corpus = [made_up(f"TRAIN/DR1/FABC{i % 10}/SX{i}", 200 + 3200) for i in range(300)]
    corpus.sort(key=lambda one: one.utterance)
    write(tmp_path, corpus, 200, 3200)
    path = tmp_path / "TRAIN.parquet"
    series = load_series([path], [one.utterance for one in corpus])
    first = weakref.ref(series[0].samples)
    assert series[0].samples is first(), "the last ones read stay"
    for one, back in zip(corpus, series, strict=True):
        np.testing.assert_array_equal(back.samples, one.samples)
    del one, back
    assert first() is None


def test_utterances_come_in_the_order_asked_for(extracted):
    wanted = ["TRAIN/DR8/MXYZ0/SI5", "TEST/DR3/FDEF1/SI4", "TRAIN/DR2/FABC0/SA1"]
    assert [one.item for one in load_series(files(extracted), wanted)] == wanted


def test_utterances_that_are_in_no_file_are_named(extracted):
    wanted = ["TRAIN/DR2/FABC0/SA1", "TRAIN/DR2/FABC0/SA7", "TEST/DR9/FABC0/SA8"]
    with pytest.raises(RnnpipeError) as caught:
        load_series(files(extracted), wanted)
    assert "TRAIN/DR2/FABC0/SA7, TEST/DR9/FABC0/SA8" in str(caught.value)
    assert "SA1" not in str(caught.value)
    assert "TEST.parquet" in str(caught.value)


def test_the_same_corpus_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, CORPUS)
    for name in ("utterances.parquet", "TRAIN.parquet", "TEST.parquet"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_standardised_samples_have_mean_0_and_deviation_1():
    samples = made_up("TRAIN/DR1/FABC0/SX1", 5001).samples
    wide = samples.astype(np.float64)
    one = Series("x", samples, np.zeros(4990, np.uint8))
    standardised = one.standardised(wide.mean(), wide.std())
    assert standardised.dtype == np.float32
    assert abs(standardised.astype(np.float64).mean()) < 1e-7
    assert abs(standardised.astype(np.float64).std() - 1) < 1e-7


# --- the files ----------------------------------------------------------------------------------


def test_the_columns_of_a_window_file(extracted):
    schema = pq.read_schema(extracted / "TRAIN.parquet")
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "utterance": pa.string(),
        "start": pa.int32(),
        "num_valid": pa.int32(),
        "context": pa.list_(pa.field("element", pa.int16(), nullable=False), ORDER),
        "samples": pa.list_(pa.field("element", pa.int16(), nullable=False), LENGTH),
        "phones": pa.list_(pa.field("element", pa.uint8(), nullable=False), LENGTH),
    }
    assert not any(column.nullable for column in schema)


def test_each_window_holds_what_lies_at_its_start(extracted):
    corpus = {one.utterance: one for one in CORPUS}
    seen = dict.fromkeys(corpus, ORDER)
    for path in files(extracted):
        for row in pq.read_table(path).to_pylist():
            one = corpus[row["utterance"]]
            assert one.split == path.stem
            assert row["start"] == seen[one.utterance]
            end = min(row["start"] + LENGTH, one.samples.size)
            assert row["num_valid"] == end - row["start"]
            padding = [0] * (LENGTH - row["num_valid"])
            assert row["context"] == one.samples[row["start"] - ORDER : row["start"]].tolist()
            assert row["samples"] == one.samples[row["start"] : end].tolist() + padding
            codes = encode(one.phones, one.samples.size)
            assert row["phones"] == codes[row["start"] : end].tolist() + padding
            seen[one.utterance] = end
    assert seen == {name: one.samples.size for name, one in corpus.items()}


def test_the_footer_says_how_the_file_was_made(extracted):
    about = json.loads(pq.read_metadata(extracted / "TRAIN.parquet").metadata[b"rnnpipe"])
    assert about == read_about(extracted / "TRAIN.parquet")
    samples = np.concatenate([one.samples for one in CORPUS if one.split == "TRAIN"])
    assert about.pop("mean") == pytest.approx(samples.mean(dtype=np.float64), rel=1e-14)
    assert about.pop("std") == pytest.approx(samples.std(dtype=np.float64), rel=1e-14)
    assert about == {
        "format": "rnnpipe-windows-1",
        "sampling_rate": 16000,
        "order": ORDER,
        "length": LENGTH,
        "phones": ["none", *PHONES],
    }


def test_an_utterance_is_a_row_group(extracted):
    for path in files(extracted):
        file = pq.ParquetFile(path)
        groups = [
            set(file.read_row_group(i, ["utterance"])["utterance"].to_pylist())
            for i in range(file.num_row_groups)
        ]
        inside = {one.utterance for one in CORPUS if one.split == path.stem}
        assert sorted(map(sorted, groups)) == sorted([name] for name in inside)


def test_a_split_without_utterances_is_an_empty_file(tmp_path):
    write(tmp_path, CORPUS[1:3])
    assert pq.read_table(tmp_path / "TEST.parquet").num_rows == 0
    assert (read_about(tmp_path / "TEST.parquet")["std"]) == 0
    [back] = load_series(files(tmp_path)[::-1], [CORPUS[1].utterance])
    np.testing.assert_array_equal(back.samples, CORPUS[1].samples)


def test_the_table_of_utterances(extracted):
    table = pq.read_table(extracted / "utterances.parquet")
    segments = pa.list_(
        pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
    )
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == {
        "utterance": pa.string(),
        "split": pa.string(),
        "dialect": pa.string(),
        "speaker": pa.string(),
        "sex": pa.string(),
        "sentence_type": pa.string(),
        "num_samples": pa.int32(),
        "text": pa.string(),
        "phones": segments,
        "words": segments,
    }
    for one, row in zip(
        sorted(CORPUS, key=lambda one: one.utterance), table.to_pylist(), strict=True
    ):
        assert row["num_samples"] == one.samples.size
        for column in ("utterance", "split", "dialect", "speaker", "sex", "sentence_type", "text"):
            assert row[column] == getattr(one, column)
        for column in ("phones", "words"):
            assert [Segment(**segment) for segment in row[column]] == list(getattr(one, column))


# --- statistics ---------------------------------------------------------------------------------


def test_statistics_do_not_cancel():
    # A deviation of 0.5 around 30000 over 10^8 samples would be lost in float64 sums of squares.
    sums = ExactSums()
    part = np.tile(np.array([30_000, 30_001], np.int16), 500_000)
    for _ in range(100):
        sums.add(part)
    assert sums.statistics() == (30_000.5, 0.5)


def test_statistics_of_the_loudest_samples_do_not_overflow():
    sums = ExactSums()
    sums.add(np.tile(np.array([-32_768, 32_767], np.int16), 4_000_000))
    assert sums.statistics() == (-0.5, 32_767.5)


def test_statistics_of_constant_and_empty_signals():
    sums = ExactSums()
    assert sums.statistics() == (0.0, 0.0)
    sums.add(np.full(3, 7, np.int16))
    assert sums.statistics() == (7.0, 0.0)


# --- failures -----------------------------------------------------------------------------------


def test_a_failure_in_the_middle_leaves_no_file(tmp_path):
    def broken():
        yield from CORPUS
        raise RnnpipeError("the corpus ends badly")

    with pytest.raises(RnnpipeError, match="the corpus ends badly"):
        write(tmp_path, broken())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_older_files_as_they_were(extracted):
    before = {path.name: path.read_bytes() for path in extracted.iterdir()}
    unlabelled = made_up("TRAIN/DR1/FABC0/SX9", 100)
    object.__setattr__(unlabelled, "phones", (Segment(0, 50, "no such phone"),))
    with pytest.raises(KeyError):
        write(extracted, [*CORPUS, unlabelled])
    assert {path.name: path.read_bytes() for path in extracted.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", None], ids=str)
def test_what_is_no_window_file_is_refused(tmp_path, content):
    path = tmp_path / "TRAIN.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RnnpipeError, match="TRAIN.parquet: not a window file"):
        load_series([path], ["TRAIN/DR2/FABC0/SA1"])


def test_a_parquet_file_of_others_is_refused(tmp_path):
    pq.write_table(pa.table({"utterance": ["x"]}), tmp_path / "TRAIN.parquet")
    with pytest.raises(RnnpipeError, match="TRAIN.parquet: not a window file"):
        load_series([tmp_path / "TRAIN.parquet"], ["x"])


def test_a_window_file_of_an_older_rnnpipe_is_refused(extracted):
    path = extracted / "TRAIN.parquet"
    table = pq.read_table(path)
    about = read_about(path)
    del about["format"]
    pq.write_table(table.replace_schema_metadata({"rnnpipe": json.dumps(about)}), path)
    with pytest.raises(RnnpipeError, match="TRAIN.parquet: not a window file of this rnnpipe"):
        load_series([path], ["TRAIN/DR2/FABC0/SA1"])


def test_windows_of_a_smaller_inventory_hold_folded_phones(tmp_path):
    samples = np.arange(90, dtype=np.int16)
    phones = (Segment(0, 30, "zh"), Segment(30, 50, "q"), Segment(50, 80, "sh"))
    one = Utterance(
        "TRAIN/DR1/FABC0/SX1", "TRAIN", "DR1", "FABC0", "F", "SX", samples, phones, (), ""
    )
    path = tmp_path / "TRAIN.parquet"
    extract([one], tmp_path / "u.parquet", path, order=5, length=32, inventory=39)
    names = read_about(path)["phones"]
    assert len(names) == 40
    (series,) = load_series([path], [one.utterance])
    # zh and sh are one phone of the 39; q gives its time to the phone before it.
    assert [names[code] for code in series.phones] == ["sh"] * 75 + ["none"] * 10
