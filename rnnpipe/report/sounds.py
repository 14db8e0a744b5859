"""The sounds in the page: each is stored once, as FLAC, lossless and half as large as WAV."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.reconstruction.sounds import read_sound
from rnnpipe.vocabulary import SOUNDS, RunFile, Setting

MEGABYTE = 2**20
SHARE = 0.45 * MEGABYTE  # space in the page for each setting
LEAST, MOST = 8 * MEGABYTE, 48 * MEGABYTE  # space for all settings together


class Sounds:
    """The sounds in the page, as FLAC in base64, by a short key.

    Parameters
    ----------
    folders : mapping from setting to path
        Folders that hold reconstructions/, by (recipe, hidden size, seed).
    """

    def __init__(self, folders: Mapping[Setting, Path]) -> None:
        self.folders = folders
        self.blocks: dict[str, str] = {}
        self.size = 0
        self.bound = min(max(SHARE * len(folders), LEAST), MOST)
        self._originals: dict[str, str] = {}

    def gather(
        self, settings: Sequence[Setting], utterances: Sequence[str]
    ) -> dict[tuple[Setting, str], dict[str, str]]:
        """Add the sounds of the settings, one after the other, until the page is full.

        The first utterance of every setting comes first, then the second of every setting.

        Parameters
        ----------
        settings : sequence of (recipe, hidden size, seed)
            The most important first.
        utterances : sequence of str
            Their ids.

        Returns
        -------
        mapping from (setting, utterance) to mapping
            Keys into `blocks` by kind: original, teacher_forced, free_running.

        Raises
        ------
        RnnpipeError
            If a WAV file is missing.
        """
        taken: dict[tuple[Setting, str], dict[str, str]] = {}
        for utterance in utterances:
            for setting in settings:
                new = dict(self._read(setting, utterance))
                if self.size + sum(map(len, new.values())) > self.bound:
                    return taken
                taken[setting, utterance] = keys = {"original": self._originals[utterance]}
                for kind, block in new.items():
                    keys.setdefault(kind, f"s{len(self.blocks)}")
                    self.blocks[keys[kind]] = block
                    self.size += len(block)
        return taken

    def _read(self, setting: Setting, utterance: str) -> Iterator[tuple[str, str]]:
        """Yield the sounds of a setting by kind; all settings share the original."""
        for kind in SOUNDS:
            if kind == "original":
                if utterance in self._originals:
                    continue
                self._originals[utterance] = f"s{len(self.blocks)}"
            folder = Path(self.folders[setting], RunFile.RECONSTRUCTIONS)
            samples = read_sound(folder, utterance, kind)
            flac = io.BytesIO()
            soundfile.write(flac, samples, SAMPLING_RATE, format="FLAC", subtype="PCM_16")
            yield kind, base64.b64encode(flac.getvalue()).decode("ascii")


def outline(samples: np.ndarray, points: int = 240, loudest: float = 1.0) -> str:
    """Draw a sound as an SVG path through the highest and lowest sample of `points` slots.

    Parameters
    ----------
    samples : int16 array, shape (T,)
        The sound.
    points : int
        Width of the path.
    loudest : float
        The value that reaches the edge of the lane, which is 2 high; larger values are clipped.
    """
    edges = np.linspace(0, len(samples), points + 1).astype(int)[:-1]
    scaled = np.clip(samples / max(loudest, 1.0), -1, 1)
    high = 1 - np.maximum.reduceat(scaled, edges)
    low = 1 - np.minimum.reduceat(scaled, edges)
    ends = [f"{x} {y:.2f}" for x, y in enumerate(high)]
    ends += [f"{x} {y:.2f}" for x, y in reversed(list(enumerate(low)))]
    return f"M{'L'.join(ends)}Z"
