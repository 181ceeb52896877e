"""PNG and TIFF files of kinds that Pillow reads and does not write, byte by byte."""

import struct
import zlib

import numpy as np


def png(pixels, bits, colour, *, transparent=None, interlaced=False):
    """A PNG of `(height, width, channels)`; `colour` is its colour type, `transparent` one colour."""
    data = b""
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    for row, column, rows, columns in passes:
        part = pixels[row::rows, column::columns]
        if part.size:
            data += b"".join(b"\0" + _packed(line, bits) for line in part)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, colour, 0, 0, interlaced)
    parts = [(b"IHDR", head)]
    if transparent is not None:
        parts.append((b"tRNS", np.asarray(transparent, ">u2").tobytes()))
    parts += [(b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _packed(line, bits):
    if bits == 16:
        return line.astype(">u2").tobytes()
    digits = np.unpackbits(line.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits :]
    return np.packbits(digits).tobytes()


def tiff(pixels, *, order="<", photometric=2, planes=False, deflated=False, tags=(), sample_format=1):
    """A TIFF of `(height, width, channels)` of any type of numbers in one strip a plane; `tags` are more numbers."""
    height, width, channels = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder(order))
    strips = [plane.tobytes() for plane in (np.moveaxis(data, -1, 0) if planes else [data])]
    if deflated:
        strips = [zlib.compress(strip) for strip in strips]
    bits = 8 * pixels.dtype.itemsize
    offsets = 8 + np.concatenate([[0], np.cumsum([len(strip) for strip in strips])])
    values = {
        256: [width],
        257: [height],
        258: [bits] * channels,
        259: [8 if deflated else 1],
        262: [photometric],
        273: offsets[:-1].tolist(),
        277: [channels],
        278: [height],
        279: [len(strip) for strip in strips],
        284: [2 if planes else 1],
        339: [sample_format] * channels,
        **dict(tags),
    }
    after = int(offsets[-1]) + 2 + 12 * len(values) + 4
    entries, rest = b"", b""
    for tag, numbers in sorted(values.items()):
        kind, letter = (3, "H") if max(numbers) < 2**16 and tag not in (273, 279) else (4, "I")
        packed = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(packed) > 4:
            packed, rest = struct.pack(f"{order}I", after + len(rest)), rest + packed
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", int(offsets[-1]))
    return head + b"".join(strips) + struct.pack(f"{order}H", len(values)) + entries + bytes(4) + rest
