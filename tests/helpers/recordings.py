"""Audio files of every kind, made byte by byte."""

import struct

import numpy as np

from rnnpipe.corpus.audio import read_audio

SAMPLES = np.array([0, 1, -1, 256, -32768, 32767, 12345], dtype=np.int16)


def sphere(samples=SAMPLES, *, header_size=1024, drop=(), **changes):
    """Return a SPHERE file; `changes` replace values of its header, `drop` leaves fields out."""
    fields = {
        "channel_count": "1",
        "sample_count": str(len(samples)),
        "sample_rate": "16000",
        "sample_n_bytes": "2",
        "sample_byte_format": "01",
        "sample_sig_bits": "16",
        "sample_coding": "pcm",
    } | changes
    lines = ["database_id -s5 TIMIT", "; a comment"]
    for name, value in fields.items():
        kind = f"s{len(value)}" if name in ("sample_byte_format", "sample_coding") else "i"
        if name not in drop:
            lines.append(f"{name} -{kind} {value}")
    header = f"NIST_1A\n{header_size:7d}\n" + "\n".join([*lines, "end_head", ""])
    return header.encode().ljust(header_size) + pcm(samples, fields["sample_byte_format"])


def pcm(samples, order="01"):
    return struct.pack(f"{'>' if order == '10' else '<'}{len(samples)}h", *samples)


def mu_law(codes, **changes):
    """Return a SPHERE file of mu-law codes."""
    header = sphere(
        [],
        sample_count=str(len(codes)),
        **{"sample_coding": "ulaw", "sample_n_bytes": "1", "sample_sig_bits": "8"} | changes,
        drop=["sample_byte_format"],
    )
    return header + bytes(codes)


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def form(*, encoding=1, channels=1, rate=16000, bits=16):
    frame = channels * (bits // 8)
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", encoding, channels, rate, rate * frame, frame, bits)
    )


def riff(*chunks):
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def pcm16(samples=SAMPLES):
    return chunk(b"data", struct.pack(f"<{len(samples)}h", *samples))


def read(folder, data):
    path = folder / "SA1.WAV"
    path.write_bytes(data)
    return read_audio(path)


EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + bytes.fromhex(
    "0100000000001000800000aa00389b71"
)
GOOD = {
    "SPHERE, low byte first": sphere(),
    "SPHERE, high byte first": sphere(sample_byte_format="10"),
    "SPHERE that tells the values of its samples": sphere(
        sample_min="-32768", sample_max="32767", sample_checksum=str(sum(SAMPLES.tolist()) % 65536)
    ),
    "SPHERE with a longer header": sphere(header_size=2048),
    "SPHERE without sample_coding, as on TIMIT's own disc": sphere(drop=["sample_coding"]),
    "RIFF": riff(form(), pcm16()),
    "RIFF with chunks before and behind the data, one of odd length": riff(
        chunk(b"LIST", b"INFO"), form(), chunk(b"junk", b"odd"), pcm16(), chunk(b"id3 ", b"abc")
    ),
    "RIFF without the last chunk's padding byte": riff(form(), pcm16(), chunk(b"id3 ", b"abc"))[
        :-1
    ],
    "RIFF, extensible header": riff(chunk(b"fmt ", EXTENSIBLE), pcm16()),
}
