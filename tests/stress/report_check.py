#!/usr/bin/env python3
"""report_check.py JSON DOM PNG PLOTS: what a browser made of a page is what the JSON says.

Every <data data-path=P value=V>TEXT</data> must have the JSON's value at P, and a text that is this
value, rounded and with its unit; every other element with data-path must have the JSON's string.
The page must have the plots named in PLOTS (with commas between), each with as many points as the
JSON's history where it is one over time, and the screenshot must show more than a background.
"""
import html.parser
import json
import re
import struct
import sys
import zlib

UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "k": 1e3, "M": 1e6,
         "G": 1e9, "T": 1e12, "ns": 1, "us": 1e3, "ms": 1e6}
FIGURES_NEEDED = 60


def fail(what):
    sys.exit("report_check: " + what)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.values = []  # [path, value or None, text]
        self.open = None
        self.plots = {}  # name: [points, paths with a line]
        self.plot = None

    def handle_starttag(self, tag, attributes):
        got = dict(attributes)
        if "data-path" in got:
            self.open = tag
            self.values.append([got["data-path"], got.get("value"), ""])
        if "data-plot" in got:
            self.plot = self.plots.setdefault(got["data-plot"], [0, 0])
        if tag == "svg" and self.plot:
            self.plot[0] = int(got["data-points"])
        if tag in ("path", "polygon") and self.plot:
            colour = got.get("stroke", "") + got.get("fill", "")
            self.plot[1] += "var(--ink-" in colour

    def handle_endtag(self, tag):
        if tag == self.open:
            self.open = None
        if tag == "figure":
            self.plot = None

    def handle_data(self, data):
        if self.open:
            self.values[-1][2] += data


def at(root, path):
    for name in path.split("."):
        root = root[int(name)] if isinstance(root, list) else root[name]
    return root


def seconds_of(text):
    parts = text.split()[0].split(":")
    return sum(float(part) * 60**i for i, part in enumerate(reversed(parts)))


def check_number(path, wanted, value, text):
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
        fail(f"{path}: the JSON has no number there, but {wanted!r}")
    if abs(float(value) - wanted) > 1e-9 * abs(wanted):
        fail(f"{path}: the page has {value}, the JSON {wanted}")
    if path.endswith("seconds"):
        if abs(seconds_of(text) - wanted) > 1:
            fail(f"{path}: the page shows {text}, the JSON has {wanted}")
        return
    match = re.fullmatch(r"(-?\d+(?:\.(\d+))?) ?([A-Za-z]*)", text)
    if not match or match[3] not in UNITS | {"s": 1e9}:
        fail(f"{path}: not a figure: {text!r}")
    unit = UNITS.get(match[3], 1e9)
    half = 0.5 * 10 ** -len(match[2] or "") * unit
    if abs(float(match[1]) * unit - wanted) > half * 1.001:
        fail(f"{path}: the page shows {text}, the JSON has {wanted}")


def check_values(root, page):
    numbers = 0
    for path, value, text in page.values:
        try:
            wanted = at(root, path)
        except (KeyError, IndexError, ValueError):
            fail(f"{path}: not in the JSON")
        if value is None:
            if text.strip() != str(wanted).strip():
                fail(f"{path}: the page has {text!r}, the JSON {wanted!r}")
        else:
            check_number(path, wanted, value, text)
            numbers += 1
    if numbers < FIGURES_NEEDED:
        fail(f"only {numbers} figures on the page")
    return numbers


def check_plots(root, page, names):
    points = len(root["history"]["seconds"])
    for name in names:
        if name not in page.plots:
            fail(f"no plot {name}")
        has, lines = page.plots[name]
        if has != (7 if name == "latency" else points):
            fail(f"plot {name} has {has} points")
        if lines == 0:
            fail(f"plot {name} is empty")


def unfilter(rows, width, pixel):
    before = bytes(width)
    for kind, row in rows:
        out = bytearray(width)
        for i in range(width):
            left = out[i - pixel] if i >= pixel else 0
            up = before[i]
            corner = before[i - pixel] if i >= pixel else 0
            if kind == 4:
                distances = [(abs(up - corner), left), (abs(left - corner), up),
                             (abs(left + up - 2 * corner), corner)]
                guess = min(distances, key=lambda pair: pair[0])[1]
            else:
                guess = (0, left, up, (left + up) // 2)[kind]
            out[i] = (row[i] + guess) & 255
        before = bytes(out)
        yield before


def colours(path):
    """How often each colour is in a PNG of 8 bits a channel; every fourth row is counted."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        fail(f"{path} is no PNG")
    offset, packed, width, height, kind = 8, b"", 0, 0, 0
    while offset < len(data):
        length, name = struct.unpack(">I4s", data[offset:offset + 8])
        body = data[offset + 8:offset + 8 + length]
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack(">IIBB", body[:10])
            if depth != 8 or kind not in (2, 6):
                fail(f"{path}: depth {depth}, kind {kind}")
        elif name == b"IDAT":
            packed += body
        offset += 12 + length
    pixel = 3 if kind == 2 else 4
    raw = zlib.decompress(packed)
    line = width * pixel
    rows = ((raw[i * (line + 1)], raw[i * (line + 1) + 1:(i + 1) * (line + 1)])
            for i in range(height))
    seen = {}
    for number, row in enumerate(unfilter(rows, line, pixel)):
        if number % 4 == 0:
            for i in range(0, line, pixel):
                colour = row[i:i + 3]
                seen[colour] = seen.get(colour, 0) + 1
    return seen


def main():
    json_path, dom_path, png_path, plots = sys.argv[1:]
    with open(json_path, encoding="utf-8") as file:
        root = json.load(file)
    page = Page()
    with open(dom_path, encoding="utf-8") as file:
        page.feed(file.read())
    numbers = check_values(root, page)
    check_plots(root, page, [name for name in plots.split(",") if name])
    seen = colours(png_path)
    pixels = sum(seen.values())
    most = max(seen.values()) / pixels
    if len(seen) < 50 or most > 0.9:
        fail(f"the screenshot is empty: {len(seen)} colours, {most:.0%} of one")
    print(f"{numbers} figures, {len(page.plots)} plots, {len(seen)} colours, {most:.0%} of one")


main()
