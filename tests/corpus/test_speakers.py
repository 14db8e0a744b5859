"""SPKRINFO.TXT: reading the speakers, and contradictions with the folders."""

import pytest
from helpers.trees import archive, ldc, nltk, problems

from rnnpipe.corpus.layouts import scan
from rnnpipe.corpus.speakers import Speaker, find_speaker_table, read_speakers
from rnnpipe.corpus.synth import _write_speaker_info
from rnnpipe.errors import CorpusError

TABLE = """\
;
; SPKRINFO.TXT
;ID  Sex DR Use  RecDate   BirthDate  Ht    Race Edu  Comments
CJF0  F  1  TRN  01/22/86  07/08/55   5'05"  WHT  MS
ABC0  M  8  TST  02/10/86  ??/??/??   6'01"  ???  ??   Has a cold, speaks fast
"""


def put(folder, table=TABLE, name="SPKRINFO.TXT"):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(table, encoding="ascii")
    return path


def test_a_row_is_read_column_by_column(tmp_path):
    assert read_speakers(put(tmp_path)) == {
        "FCJF0": Speaker(
            "FCJF0", "F", "DR1", "TRAIN", 4, "01/22/86", "07/08/55", "5'05\"", "WHT", "MS"
        ),
        "MABC0": Speaker(
            "MABC0",
            "M",
            "DR8",
            "TEST",
            5,
            "02/10/86",
            "??/??/??",
            "6'01\"",
            "???",
            "??",
            "Has a cold, speaks fast",
        ),
    }


def test_the_table_of_the_synthetic_corpus_is_read(tmp_path):
    row = {"speaker": "FQVA7", "split": "TRAIN", "dialect": "DR1", "voice": "en-us+linda"}
    _write_speaker_info(tmp_path / "DOC" / "SPKRINFO.TXT", [row])
    [speaker] = read_speakers(tmp_path / "DOC" / "SPKRINFO.TXT").values()
    assert (speaker.speaker, speaker.sex, speaker.dialect) == ("FQVA7", "F", "DR1")
    assert speaker.comment == "espeak-ng voice en-us+linda"


@pytest.mark.parametrize(
    ("make", "folder"),
    [(ldc, "DOC"), (ldc, "doc"), (ldc, ""), (archive, ""), (archive, "data"), (nltk, "")],
)
def test_the_table_is_found_beside_any_layout(tmp_path, make, folder):
    make(tmp_path)
    put(tmp_path / folder, TABLE.replace(" F  1", " F  3"), "spkrinfo.txt")
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{tmp_path / folder / 'spkrinfo.txt'}, line 4: ")


def test_agreement_and_speakers_without_a_row_are_no_problem(tmp_path):
    ldc(tmp_path)
    path = put(tmp_path / "DOC")
    assert scan(tmp_path).problems == ()
    put(tmp_path / "DOC", TABLE.replace("CJF0", "XYZ0"))
    assert scan(tmp_path).problems == ()
    assert find_speaker_table([tmp_path]) == path
    path.unlink()
    assert find_speaker_table([tmp_path]) is None


@pytest.mark.parametrize(
    ("row", "cause"),
    {
        "CJF0  M  1  TRN": "the sex of FCJF0 is M here",
        "CJF0  F  2  TRN": "the dialect region of FCJF0 is DR2 here",
        "CJF0  F  1  TST": "the split of FCJF0 is TEST here",
    }.items(),
)
def test_a_contradiction_with_the_folder_is_reported(tmp_path, row, cause):
    ldc(tmp_path)
    path = put(tmp_path / "DOC", TABLE.replace("CJF0  F  1  TRN", row))
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{path}, line 4: {cause}")
    assert "its folder is TRAIN/DR1/FCJF0" in problem


def test_flat_speakers_have_no_split_to_contradict(tmp_path):
    nltk(tmp_path)
    put(tmp_path)
    assert scan(tmp_path).problems == ()


def test_a_man_and_a_woman_may_have_the_same_initials(tmp_path):
    ldc(tmp_path)
    (tmp_path / "TRAIN" / "DR1" / "MCJF0").mkdir()
    put(tmp_path / "DOC")
    assert scan(tmp_path).problems == ()


@pytest.mark.parametrize(
    ("row", "cause"),
    {
        "CJF0  X  1  TRN": "line 6: a speaker's initials, sex",
        "CJF0  F  9  TRN": "line 6: a speaker's initials, sex",
        "CJF0  F  1": "line 6: a speaker's initials, sex",
        "CJF0  F  1  DEV": "line 6: a speaker's initials, sex",
        "CJF0  F  1  TRN  ": "line 6: FCJF0 is already in line 4",
    }.items(),
)
def test_a_bad_row_is_reported_with_its_line(tmp_path, row, cause):
    path = put(tmp_path, TABLE + row + "\n")
    with pytest.raises(CorpusError) as caught:
        read_speakers(path)
    [problem] = caught.value.problems
    assert problem.startswith(f"{path}, {cause}")
