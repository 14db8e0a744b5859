"""Reconstructions as audio: 16 kHz, mono, 16 bits."""

from pathlib import Path

import numpy as np
import soundfile

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.vocabulary import sound_path


def write_wav(path: str | Path, samples: np.ndarray, mean: float, std: float) -> None:
    """Write standardised samples as 16 kHz mono WAV, 16-bit.

    Parameters
    ----------
    path : path
        File to write.
    samples : float array, shape (T,)
        Standardised samples. Values beyond 16 bits are clipped; a nan becomes 0.
    mean, std : float
        Values that standardised them.
    """
    restored = np.nan_to_num(samples.astype(np.float64) * std + mean, nan=0.0)
    pcm = np.clip(np.rint(restored), -32768, 32767).astype(np.int16)
    with replacing(path) as temporary:
        soundfile.write(temporary, pcm, SAMPLING_RATE, subtype="PCM_16")


def read_sound(folder: str | Path, item: str, kind: str) -> np.ndarray:
    """Read one sound of a setting.

    Parameters
    ----------
    folder : path
        Folder with the reconstructions of the setting.
    item : str
        Id of the utterance, or of the phone.
    kind : {"original", "teacher_forced", "free_running"}
        Which sound.

    Returns
    -------
    int16 array, shape (order + T,)

    Raises
    ------
    RnnpipeError
        If the sound does not exist.
    """
    wav = sound_path(folder, item, kind)
    if not wav.is_file():
        raise RnnpipeError(f"{wav}: this sound is missing. Run the reconstructions again.")
    return soundfile.read(wav, dtype="int16")[0]
