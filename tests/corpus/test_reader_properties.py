"""Arbitrary bytes as audio and as labels: valid content is read back, the rest is a CorpusError."""

import re
import string

import numpy as np
import pytest
from helpers.recordings import GOOD, SAMPLES, chunk, form, mu_law, pcm16, read, riff, sphere
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnpipe.corpus.labels import read_phones, read_text, read_words
from rnnpipe.corpus.phones import PHONES, Segment
from rnnpipe.corpus.sphere import MU_LAW
from rnnpipe.errors import CorpusError

BLANKS = " \t\n\r\x1a"

# Derandomised: the same examples on every machine, and no folder of examples on disk.
thorough = settings(max_examples=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("audio")


@pytest.fixture(scope="module")
def label_file(tmp_path_factory):
    return tmp_path_factory.mktemp("labels") / "SA1.PHN"


# --- audio ---------------------------------------------------------------------------------------

some_samples = arrays(np.int16, st.integers(1, 50))


@thorough
@given(some_samples, st.sampled_from(["01", "10"]), st.sampled_from([512, 1024, 2048]))
def test_whatever_is_written_as_sphere_is_read(folder, samples, order, header_size):
    data = sphere(
        samples,
        header_size=header_size,
        sample_byte_format=order,
        sample_min=str(samples.min()),
        sample_max=str(samples.max()),
        sample_checksum=str(int(samples.astype(np.uint16).sum(dtype=np.uint16))),
    )
    assert read(folder, data).tolist() == samples.tolist()


@thorough
@given(st.binary(min_size=1, max_size=50))
def test_whatever_is_written_as_mu_law_is_read(folder, codes):
    assert read(folder, mu_law(codes)).tolist() == MU_LAW[list(codes)].tolist()


chunks = st.lists(
    st.tuples(
        st.text(string.ascii_uppercase, min_size=4, max_size=4).map(str.encode),
        st.binary(max_size=9),
    ).map(lambda pair: chunk(*pair)),
    max_size=2,
).map(b"".join)


@thorough
@given(some_samples, st.sampled_from([16, 24, 32]), chunks, chunks, chunks)
def test_whatever_is_written_as_riff_is_read(folder, samples, bits, first, second, third):
    lower_bytes = bytes([0x7F] * (bits // 8 - 2))
    content = b"".join(lower_bytes + sample.tobytes() for sample in samples.astype("<i2"))
    data = riff(first, form(bits=bits), second, chunk(b"data", content), third)
    assert read(folder, data).tolist() == samples.tolist()


@thorough
@given(st.sampled_from(list(GOOD.values())), st.data())
def test_no_file_that_was_cut_short_is_read(folder, data, cut):
    data = data.rstrip(b"\0")  # the last chunk's padding byte may be missing
    length = cut.draw(st.integers(0, len(data) - 1))
    with pytest.raises(CorpusError):
        read(folder, data[:length])


@thorough
@given(
    st.sampled_from(["", "NIST_1A\n   1024\n", "RIFF\x10\0\0\0WAVE", "RIFF\x10\0\0\0WAVEfmt "]),
    st.binary(max_size=1200),
)
@example("NIST_1A\n      0\n", b"end_head\n")
@example("NIST_1A\n     17\n", b"\xff")
def test_any_bytes_are_audio_or_a_corpus_error(folder, opening, rest):
    data = opening.encode("latin-1") + rest
    samples = read_or_refuse(folder, data)
    assert samples is None or 0 < len(samples) <= len(data) // 2


# One byte of a header, at any position: a change of its meaning is always noticed.
HEADERS = {
    "SPHERE": (sphere(), 1024, SAMPLES),
    "mu-law": (mu_law(bytes(range(0, 256, 17))), 1024, MU_LAW[::17]),
    "RIFF": (riff(form(), chunk(b"LIST", b"INFO"), pcm16()), 56, SAMPLES),
}


@settings(max_examples=600)
@given(st.sampled_from(list(HEADERS)), st.data())
def test_a_damaged_byte_of_a_header_changes_nothing_or_is_a_corpus_error(folder, name, damage):
    data, header_size, expected = HEADERS[name]
    position = damage.draw(st.integers(0, min(header_size, 330) - 1))
    byte = damage.draw(st.integers(0, 255))
    samples = read_or_refuse(folder, data[:position] + bytes([byte]) + data[position + 1 :])
    assert samples is None or samples.tolist() == expected.tolist()


@thorough
@given(
    st.sampled_from(
        "channel_count sample_count sample_rate sample_n_bytes sample_coding sample_sig_bits "
        "sample_min sample_max sample_checksum".split()
    ),
    st.one_of(st.integers(-(10**6), 10**6).map(str), st.text(string.printable, max_size=9)),
)
def test_a_field_with_any_value_changes_nothing_or_is_a_corpus_error(folder, field, value):
    samples = read_or_refuse(folder, sphere(**{field: value}))
    assert samples is None or samples.tolist() == SAMPLES.tolist()


def read_or_refuse(folder, data):
    """Return the samples, or None for a CorpusError of one line."""
    try:
        samples = read(folder, data)
    except CorpusError as error:
        [problem] = error.problems
        assert problem.isprintable()
        return None
    assert samples.dtype == np.int16
    return samples


# --- labels --------------------------------------------------------------------------------------

numbers = st.one_of(st.integers(-5, 120).map(str), st.text(max_size=4))
lines = st.lists(st.tuples(numbers, numbers, st.sampled_from([*PHONES, "xx", ""])), max_size=6)
label_texts = lines.map(lambda rows: "\n".join(" ".join(row) for row in rows).encode())


@pytest.mark.slow
@settings(max_examples=400)
@given(st.one_of(st.binary(max_size=80), label_texts))
@example(b"0 9 she\x1c\n9 12 had")
@example("0 9 she\u2028had".encode())
@example(b"0 9 h#\x0b10 12 sh")
@example(b"0 9 h#\r10 12 sh\r")
def test_any_bytes_are_the_labels_they_spell_or_a_corpus_error(label_file, content):
    label_file.write_bytes(content)
    for read_segments in (read_phones, read_words):
        try:
            segments = read_segments(label_file, 100)
        except CorpusError as error:
            assert all(problem.startswith(str(label_file)) for problem in error.problems)
            assert all(problem.isprintable() for problem in error.problems)
        else:
            assert all(0 <= segment.start < segment.end <= 100 for segment in segments)
            fields = [field for segment in segments for field in segment_fields(segment)]
            spelt = re.split(r"\s+", content.decode("utf-8-sig").strip(BLANKS), flags=re.ASCII)
            assert fields == ([f.lower() for f in spelt] if read_segments is read_phones else spelt)
    try:
        text = read_text(label_file)
    except CorpusError as error:
        assert len(error.problems) == 1
    else:
        assert text.strip(BLANKS) == text != ""


def segment_fields(segment):
    return str(segment.start), str(segment.end), segment.label


line_ends = st.sampled_from(["\n", "\r\n", "\r"])
marks = st.sampled_from([b"", b"\xef\xbb\xbf"])
endings = st.sampled_from(["", "\n", "\n\n", " \n\t\n", "\n\x1a"])


@thorough
@given(
    st.lists(st.integers(0, 10_000), min_size=2, max_size=20, unique=True).map(sorted),
    st.lists(st.sampled_from(PHONES), min_size=19, max_size=19),
    line_ends,
    marks,
    endings,
)
def test_phones_are_read_as_they_were_written(label_file, bounds, labels, line_end, mark, ending):
    pairs = zip(bounds, bounds[1:], strict=False)
    phones = tuple(
        Segment(start, end, label) for (start, end), label in zip(pairs, labels, strict=False)
    )
    text = "\n".join(f"{p.start} {p.end} {p.label}" for p in phones) + ending
    label_file.write_bytes(mark + text.replace("\n", line_end).encode())
    assert read_phones(label_file, bounds[-1]) == phones


written = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12
)


@thorough
@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99), written), min_size=1, max_size=9),
    line_ends,
    marks,
    endings,
)
def test_words_are_read_as_they_were_written(label_file, rows, line_end, mark, ending):
    words = tuple(Segment(start, start + length, word) for start, length, word in rows)
    text = "\n".join(f"{w.start} {w.end} {w.label}" for w in words) + ending
    label_file.write_bytes(mark + text.replace("\n", line_end).encode())
    assert read_words(label_file) == words


@thorough
@given(st.lists(written, min_size=1, max_size=9).map(" ".join), line_ends, marks, endings)
def test_a_sentence_is_read_as_it_was_written(label_file, sentence, line_end, mark, ending):
    text = f"0 100 {sentence}{ending}"
    label_file.write_bytes(mark + text.replace("\n", line_end).encode())
    assert read_text(label_file) == sentence
