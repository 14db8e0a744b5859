"""Small corpora on disk, in the layouts of existing copies of TIMIT."""

from pathlib import Path

import numpy as np
import pytest

from helpers.recordings import form, pcm16, riff, sphere
from rnnpipe.corpus.timit import find_utterances, read_corpus
from rnnpipe.errors import CorpusError

RAMP = np.arange(100, dtype=np.int16)
GOOD = {
    ".WAV": sphere(RAMP),
    ".PHN": b"0 10 h#\n10 30 sh\n40 60 iy\n60 90 h#\n",
    ".WRD": b"10 60 she\n50 90 had\n",
    ".TXT": b"0 100 She had your dark suit.\n",
}


def write(folder: Path, sentence="SA1", **changes) -> Path:
    """Write one utterance's four files; `changes` replace one by its suffix, None leaves it out."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in GOOD.items():
        content = changes.get(suffix[1:], content)
        if content is not None:
            (folder / (sentence + suffix)).write_bytes(content)
    return folder


def lower(folder: Path) -> None:
    """Turn every name below `folder` into lower case."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.lower()))


def problems(root, min_samples=2) -> tuple[str, ...]:
    with pytest.raises(CorpusError) as caught:
        list(read_corpus(root, min_samples=min_samples))
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def ids(root) -> list[str]:
    return [files.utterance for files in find_utterances(root)]


def ldc(root):
    write(root / "TRAIN" / "DR1" / "FCJF0")
    write(root / "TEST" / "DR8" / "MABC0", "SX12")
    (root / "README.DOC").write_text("no utterance")
    (root / "SPHERE").mkdir()


def lower_case(root):
    ldc(root)
    lower(root)


def archive(root):
    ldc(root / "data")
    for audio in root.rglob("*.WAV"):
        audio.with_name(audio.name + ".wav").write_bytes(riff(form(), pcm16(RAMP)))
    (root / "train_data.csv").write_text("index\n")


def nltk(root):
    for speaker, sentence in (("dr1-fcjf0", "sa1"), ("dr8-mabc0", "sx12")):
        for file in write(root / speaker, sentence).iterdir():
            file.rename(file.with_name(file.name.lower()))
    (root / "timitdic.txt").write_text("no utterance")
