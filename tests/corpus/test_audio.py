"""Audio files written byte by byte: which are read, which are refused, and why."""

import io
import struct

import numpy as np
import pytest
import soundfile
from helpers.recordings import GOOD, SAMPLES, chunk, form, mu_law, pcm16, read, riff, sphere

from rnnpipe.corpus.audio import read_audio
from rnnpipe.errors import CorpusError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("audio")


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_reads_the_samples_as_they_were_written(folder, data):
    samples = read(folder, data)
    assert samples.dtype == np.int16
    assert samples.dtype.isnative
    assert samples.flags.writeable
    assert samples.tolist() == SAMPLES.tolist()


@pytest.mark.parametrize(("bits", "scale"), [(24, 1 << 8), (32, 1 << 16)])
def test_wider_samples_keep_their_upper_16_bits(folder, bits, scale):
    wide = [int(sample) * scale + scale - 1 for sample in SAMPLES]
    content = b"".join(sample.to_bytes(bits // 8, "little", signed=True) for sample in wide)
    samples = read(folder, riff(form(bits=bits), chunk(b"data", content)))
    assert samples.tolist() == SAMPLES.tolist()


def test_24_bits_made_of_16_come_back_without_clipping(folder):
    every = np.arange(-32768, 32768, dtype=np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, every, 16000, format="WAV", subtype="PCM_24")
    assert read(folder, buffer.getvalue()).tolist() == every.tolist()


def test_any_24_bit_sample_is_less_than_a_step_above_its_16_bits(folder):
    wide = np.random.default_rng(0).integers(-(1 << 23), 1 << 23, 10_000)
    wide[:2] = -(1 << 23), (1 << 23) - 1
    content = b"".join(int(sample).to_bytes(3, "little", signed=True) for sample in wide)
    samples = read(folder, riff(form(bits=24), chunk(b"data", content)))
    assert samples[:2].tolist() == [-32768, 32767]
    excess = wide - samples.astype(int) * 256
    assert ((excess >= 0) & (excess < 256)).all()


def test_mu_law_is_decoded_as_libsndfile_does(folder):
    codes = bytes(range(256))
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(256, np.int16), 16000, format="WAV", subtype="ULAW")
    expected, _ = soundfile.read(io.BytesIO(buffer.getvalue()[:-256] + codes), dtype="int16")
    assert read(folder, mu_law(codes)).tolist() == expected.tolist()


def test_mu_law_has_the_values_of_g_711(folder):
    # Table 2a of ITU-T G.711: the decoder's output at the ends of its segments, 14 bits wide.
    table = {0x80: 8031, 0x8F: 4191, 0x9F: 2079, 0xAF: 1023, 0xBF: 495, 0xCF: 231, 0xDF: 99}
    table |= {0xEF: 33, 0xFE: 2, 0xFF: 0}
    samples = read(folder, mu_law([*table, *(code & 0x7F for code in table)]))
    positive = [4 * value for value in table.values()]
    assert samples.tolist() == positive + [-value for value in positive]
    assert samples.dtype == np.int16


def test_libsndfiles_own_mu_law_sphere_is_read(folder):
    ramp = np.arange(-32000, 32000, 640, dtype=np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, ramp, 16000, format="NIST", subtype="ULAW")
    samples = read(folder, buffer.getvalue()).astype(int)
    # Half the widest step of mu-law is 512, and its largest value 32124.
    assert np.abs(samples - ramp).max() <= 512


@pytest.mark.parametrize(
    ("format", "subtype"), [("WAV", "PCM_16"), ("WAVEX", "PCM_16"), ("NIST", "PCM_16")]
)
def test_agrees_with_libsndfile(folder, format, subtype):
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, 16000, format=format, subtype=subtype)
    assert read(folder, buffer.getvalue()).tolist() == SAMPLES.tolist()


@pytest.mark.parametrize("behind", [b"\0", b"\0\0\0", b"LIST\4\0\0\0abcd", b"text\n" * 99])
def test_what_lies_behind_a_complete_riff_file_is_ignored(folder, behind):
    assert read(folder, riff(form(), pcm16()) + behind).tolist() == SAMPLES.tolist()


def streamed(data_size, riff_size, content=bytes(14)):
    """A RIFF file whose sizes were never filled in."""
    sizes = struct.pack("<I", riff_size), struct.pack("<I", data_size)
    return b"RIFF" + sizes[0] + b"WAVE" + form() + b"data" + sizes[1] + content


STREAMED = {
    "both 0": streamed(0, 0),
    "both 0, and samples that spell the name of a chunk": streamed(0, 0, b"AbCdEfGhIjKlMn"),
    "both those of an empty file": streamed(0, 36),
    "of the data alone, 0": streamed(0, 50),
    "of the data alone, the largest with a sign": streamed(0x7FFFFFFF, 50),
    "of the data alone, the largest": streamed(0xFFFFFFFF, 50),
    "of the file alone, 0": streamed(14, 0),
    "of the file alone, the largest": streamed(14, 0xFFFFFFFF),
    "of 2 GB, as arecord writes them": streamed(0x80000000, 0x80000024),
    "of 4 GB, less the header": streamed(0xFFFFFFDB, 0xFFFFFFFF),
}


@pytest.mark.parametrize("data", STREAMED.values(), ids=STREAMED)
def test_sizes_that_a_pipe_left_open_are_said_to_be_that(folder, data):
    with pytest.raises(CorpusError, match=r"wrote to a pipe, .* `sox --ignore-length IN OUT`"):
        read(folder, data)


def test_a_file_without_samples_is_not_blamed_on_a_pipe(folder):
    with pytest.raises(CorpusError, match="no samples follow"):
        read(folder, riff(form(), pcm16([]), chunk(b"LIST", b"INFO")))


ODD = riff(form(), pcm16(), chunk(b"id3 ", b"abc"))
UNCOUNTED = b"RIFF" + struct.pack("<I", len(ODD) - 9) + ODD[8:]  # its padding byte is not counted
MORE = {
    "a zero behind a padded chunk": ODD + b"\0",
    "zeros behind a padding byte that is not counted": UNCOUNTED + b"\0\0",
    "an odd chunk that the size does not count": riff(form(), pcm16()) + b"junk\3\0\0\0odd",
    "a chunk that is cut short": riff(form(), pcm16()) + b"LIST\xff\0\0\0abc",
    "zeros behind two chunks of one name": riff(
        form(), pcm16(), chunk(b"junk", b"odd"), chunk(b"junk", b"even")
    )
    + bytes(512),
    "the same file again": 2 * riff(form(), pcm16()),
    "other samples": riff(form(), pcm16()) + pcm16([7, 7]),
}


@pytest.mark.parametrize("data", MORE.values(), ids=MORE)
def test_nothing_behind_the_declared_size_counts(folder, data):
    assert read(folder, data).tolist() == SAMPLES.tolist()


BAD = {
    # what is wrong: the file, what the message must say
    "empty": (b"", "the file is empty"),
    "no audio": (b"hello, world", "neither NIST SPHERE nor RIFF WAV"),
    "FLAC": (b"fLaC\0\0\0\x22", "nor RIFF WAV audio (this is FLAC; convert it: `ffmpeg -i IN"),
    "MP3": (b"ID3\4\0\0", "this is MP3; convert it"),
    "MP3 without a tag": (b"\xff\xfb\x90\x64", "this is MP3; convert it"),
    "RIFX": (b"RIFX" + riff(form(), pcm16())[4:], "this is RIFX (a WAV"),
    "RF64": (b"RF64" + riff(form(), pcm16())[4:], "this is RF64 (a WAV"),
    "AIFF": (b"FORM\0\0\1\2AIFFCOMM", "this is AIFF; convert it"),
    "MPEG-4": (b"\0\0\0 ftypM4A ", "this is MPEG-4; convert it"),
    "MP3 of a low rate": (b"\xff\xf3\x40\xc4", "this is MP3; convert it"),
    "MPEG audio of another layer": (b"\xff\xfd\x50\x80", "this is MPEG audio; convert it"),
    "AAC": (b"\xff\xf1\x50\x80", "this is AAC; convert it"),
    "Ogg": (b"OggS\0\2\0\0", "this is Ogg; convert it"),
    "AIFF, compressed": (b"FORM\0\0\1\2AIFCFVER", "this is AIFF; convert it"),
    "AU": (b".snd\0\0\0\x18", "this is AU; convert it"),
    "Core Audio": (b"caff\0\1\0\0desc", "this is Core Audio; convert it"),
    "BW64": (b"BW64\xff\xff\xff\xffWAVEds64", "this is RF64 (a WAV"),
    "Wave64": (bytes.fromhex("726966662e91cf11a5d628db04c10000"), "this is Wave64; convert it"),
    "Windows Media": (bytes.fromhex("3026b2758e66cf11"), "this is Windows Media; convert it"),
    "a film": (b"RIFF\x40\0\0\0AVI LIST", "neither NIST SPHERE nor RIFF WAV"),
    "text in UTF-16": ("hello".encode("utf-16"), r"begins with b'\xff\xfeh\x00e\x00l\x00'"),
    "cut in the first line": (sphere()[:5], "neither NIST SPHERE nor RIFF WAV"),
    "cut in the header's size": (sphere()[:12], "its own size"),
    "cut in the header": (sphere()[:500], "header is cut off"),
    "cut behind the header": (sphere()[:1024], "but 0 bytes follow the header"),
    "cut in half": (sphere()[:1030], "says 7 samples (14 bytes), but 6 bytes follow"),
    "cut in a sample": (sphere()[:-1], "but 13 bytes follow"),
    "too long": (sphere() + b"\0\0", "but 16 bytes follow"),
    "sample_count lies": (sphere(sample_count="6"), "sample_count says 6 samples"),
    "sample_count is negative": (sphere(sample_count="-7"), "sample_count is '-7'"),
    "sample_count is not a number": (sphere(sample_count="many"), "sample_count is 'many'"),
    "sample_count is missing": (sphere(drop=["sample_count"]), "no sample_count"),
    "sample_count is given twice": (
        sphere().replace(b"; a comment", b"sample_count -i 6"),
        "sample_count twice: '6', '7'",
    ),
    "no samples": (sphere([]), "no samples follow"),
    "no end of the header": (sphere().replace(b"end_head", b"end_hand"), "no end_head"),
    "Windows line ends in the header": (sphere().replace(b"\n", b"\r\n"), "its own size"),
    "stereo": (sphere(channel_count="2"), "2 channels; only mono"),
    "no channel_count": (sphere(drop=["channel_count"]), "no channel_count"),
    "8 kHz": (sphere(sample_rate="8000"), "the sampling rate is 8000 Hz, not 16000 Hz"),
    "no sample_rate": (sphere(drop=["sample_rate"]), "no sample_rate"),
    "one byte a sample": (sphere(sample_n_bytes="1"), "sample_n_bytes is 1"),
    "more bits than bytes": (sphere(sample_sig_bits="24"), "sample_sig_bits is 24"),
    "sample_min lies": (sphere(sample_min="-5"), "beyond the header's sample_min (-5)"),
    "sample_max lies": (sphere(sample_max="5"), "beyond the header's sample_min (None) or"),
    "sample_max is no number": (sphere(sample_max="loud"), "sample_max is 'loud'"),
    "the byte order lies": (
        sphere([1, 2, 3], sample_min="1", sample_max="3").replace(b"s2 01", b"s2 10"),
        "sample_byte_format is wrong",
    ),
    "sample_checksum lies": (sphere([1, 2], sample_checksum="4"), "the samples add up to 3"),
    "unknown byte order": (sphere(sample_byte_format="11"), "sample_byte_format is '11'"),
    "no byte order": (sphere(drop=["sample_byte_format"]), "no sample_byte_format"),
    "A-law": (sphere(sample_coding="alaw"), "sample_coding is 'alaw'"),
    "mu-law of two bytes": (sphere(sample_coding="ulaw"), "sample_n_bytes is 2"),
    "mu-law cut short": (mu_law(range(256))[:-1], "says 256 samples (256 bytes), but 255"),
    "mu-law, shortened": (
        mu_law([], sample_coding="ulaw,embedded-shorten-v1.09"),
        "compressed with shorten",
    ),
    "shortened": (sphere(sample_coding="pcm,embedded-shorten-v2.00"), "sph2pipe -f rif -p IN OUT"),
    "shortened without a header": (b"ajkg\2\xfb\xb1\x70", "compressed with shorten"),
    "RIFF cut in the data": (riff(form(), pcm16())[:-3], "declares 14 bytes, but 11 follow"),
    "RIFF cut behind fmt": (riff(form(), pcm16())[:36], "RIFF header declares 50 bytes, but 28"),
    "RIFF cut in a chunk's name": (riff(form(), pcm16())[:39], "they are not a chunk"),
    "RIFF cut behind WAVE": (riff(form(), pcm16())[:12], "RIFF header declares 50 bytes, but 4"),
    "RIFF cut in WAVE": (riff(form(), pcm16())[:10], "neither NIST SPHERE nor RIFF WAV"),
    "RIFF data too long": (
        riff(form(), pcm16() + bytes(20)),
        "20 bytes follow the 'data' chunk by its declared size",
    ),
    "RIFF that was streamed": (
        b"RIFF\xff\xff\xff\xffWAVE" + form() + b"data\xff\xff\xff\xff" + bytes(14),
        "the 'data' chunk declares 4294967295 bytes, but 14 follow; this is the placeholder of a "
        "program that wrote to a pipe",
    ),
    "RIFF of a pipe by sox": (
        b"RIFF\x24\xf0\xff\x7fWAVE" + form() + b"data\0\xf0\xff\x7f" + bytes(14),
        "write its sizes: `sox --ignore-length IN OUT`",
    ),
    "RIFF with sizes of 0": (
        b"RIFF\0\0\0\0WAVE" + form() + b"data\0\0\0\0" + bytes(14),
        "14 bytes follow the 'data' chunk",
    ),
    "RIFF that ends within its samples": (
        b"RIFF\x2e\0\0\0" + riff(form(), pcm16())[8:],
        "the 'data' chunk declares 14 bytes, but 10 follow",
    ),
    "RIFF whose size is too small": (
        b"RIFF\4\0\0\0" + riff(form(), pcm16())[8:],
        "RIFF header declares 4 bytes, but 50",
    ),
    "RIFF without fmt": (riff(pcm16()), "no complete 'fmt ' chunk"),
    "RIFF with a short fmt": (riff(chunk(b"fmt ", bytes(14)), pcm16()), "no complete 'fmt ' chunk"),
    "RIFF without data": (riff(form()), "no 'data' chunk"),
    "RIFF with data twice": (riff(form(), pcm16(), pcm16()), "two 'data' chunks"),
    "RIFF without samples": (riff(form(), pcm16([])), "no samples follow"),
    "RIFF with half a sample": (
        riff(form(), chunk(b"data", b"abc")),
        "not a whole number of samples",
    ),
    "RIFF stereo": (riff(form(channels=2), pcm16()), "2 channels; only mono"),
    "RIFF 44.1 kHz": (riff(form(rate=44100), pcm16()), "the sampling rate is 44100 Hz"),
    "RIFF 8 bits": (riff(form(bits=8), pcm16()), "the samples have 8 bits"),
    "RIFF floating point": (riff(form(encoding=3, bits=32), pcm16()), "3 (floating point)"),
    "RIFF with a false frame size": (
        riff(form().replace(struct.pack("<HH", 2, 16), struct.pack("<HH", 4, 16)), pcm16()),
        "16 bits but 4 bytes per sample",
    ),
}


@pytest.mark.parametrize(("data", "cause"), BAD.values(), ids=BAD)
def test_refuses_with_one_line_that_names_file_and_cause(folder, data, cause):
    with pytest.raises(CorpusError) as caught:
        read(folder, data)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'SA1.WAV'}: ")
    assert cause in message
    assert "\n" not in message


def test_refuses_what_is_no_readable_file(tmp_path):
    (tmp_path / "SA1.WAV").mkdir()
    (tmp_path / "SA2.WAV").symlink_to("SA2.WAV")
    with pytest.raises(CorpusError, match=r"SA1\.WAV: a file is expected here"):
        read_audio(tmp_path / "SA1.WAV")
    with pytest.raises(CorpusError, match=r"SA2\.WAV: cannot be read \(.*symbolic links\)"):
        read_audio(tmp_path / "SA2.WAV")
    with pytest.raises(CorpusError, match=r"SA3\.WAV: cannot be read \(No such file"):
        read_audio(str(tmp_path / "SA3.WAV"))
