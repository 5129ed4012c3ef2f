"""Takes the EXIF block out of a JPEG or WebP file, without the previews, notes of the maker and names of people in it.

    python3 extract.py PHOTO BLOCK

What stays lies where it lay, so that the block is as odd as the camera made it; the rest is zeros. Needs Python 3 only.
"""

import struct
import sys

PHOTO, BLOCK = sys.argv[1:]
LEFT_OUT = {0x927C: "maker note", 0x9286: "comment", 0x013B: "artist", 0x8298: "copyright", 0xA005: "interoperability"}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}

file = open(PHOTO, "rb").read()
at = file.find(b"Exif\0\0")
if file[:4] == b"RIFF":
    at = file.find(b"EXIF")
    size = struct.unpack("<I", file[at + 4 : at + 8])[0]
    source = file[at + 8 : at + 8 + size]
    source = source.removeprefix(b"Exif\0\0")
else:
    size = struct.unpack(">H", file[at - 2 : at])[0] - 8
    source = file[at + 6 : at + 6 + size]

order = "<" if source[:2] == b"II" else ">"
block = bytearray(len(source))
end = 8


def keep(start, length):
    global end
    block[start : start + length] = source[start : start + length]
    end = max(end, min(start + length, len(source)))


def table(start):
    (count,) = struct.unpack_from(order + "H", source, start)
    # The place after the entries says where the next table is, that of the preview: it stays zero.
    keep(start, 2 + 12 * count)
    keep_zeros = start + 2 + 12 * count + 4
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values, place = struct.unpack_from(order + "HHII", source, entry)
        length = SIZES.get(kind, 0) * values
        if tag in LEFT_OUT:
            continue
        if tag in (0x8769, 0x8825):
            table(place)
        elif length > 4:
            keep(place, length)
    return keep_zeros


keep(0, 8)
end = max(table(struct.unpack_from(order + "I", source, 4)[0]), end)
open(BLOCK, "wb").write(block[:end])
