#!/usr/bin/env python3
"""Lists the binding sentences of [PKCS11-Base 3.2] chapters 3 to 5 as `clauses.csv`.

Usage: clauses.py FOLDER > suites/spec/clauses.csv

FOLDER has the committee's Markdown of the base specification, a file a section
(03_general_data_types.md, 04.01_creating_objects.md, ...). Sections are numbered by the depth of
their headings, sentences within a section from 1. Of a sentence stand its first words and a hash
here: enough to find it, and to see that it changed.
"""

import csv
import pathlib
import re
import sys

# What makes a sentence binding, gravest first: a sentence is filed under the first that it has.
KEYWORDS = ["must not", "must", "shall not", "shall", "may not", "cannot"]
# Abbreviations that end no sentence.
ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "cf.", "vs.", "resp.")
WORDS = 9
# Deepest heading.
DEPTH = 6


def fnv1a(text):
    """FNV-1a, 32 bits."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def paragraphs(text):
    """Yields headings as (depth, title) and paragraphs as strings; code is left out."""
    gathered, code = [], False
    for line in text.splitlines() + [""]:
        stripped = line.strip()
        if re.match(r"^(~~~|```)", stripped):
            code = not code
            continue
        if code:
            continue
        heading = re.match(r"^(#+) (.*)", line)
        row = stripped.startswith("|")
        item = re.match(r"^([*+-]|\d+[.)])\s", stripped)
        if (not stripped or heading or row or item) and gathered:
            yield " ".join(gathered)
            gathered = []
        if heading:
            yield len(heading.group(1)), heading.group(2)
        elif row:
            yield from (cell for cell in stripped.strip("|").split("|") if cell.strip())
        elif stripped:
            gathered.append(stripped)


def sentences(paragraph):
    """The sentences of a paragraph, without marks of emphasis."""
    plain = re.sub(r"-{5,}|\*\*|__|(?<!\w)_|_(?!\w)|<[^>]*>|\\", "", paragraph)
    plain = re.sub(r"^([*+-]|\d+[.)])\s+", "", re.sub(r"\s+", " ", plain).strip())
    begin = 0
    for end in re.finditer(r"[.;:?!]\)?\s+(?=[A-Z“\"(])|\s(?=\^\d+\^)", plain):
        if not plain[: end.start() + 1].endswith(ABBREVIATIONS):
            yield plain[begin : end.end()].strip()
            begin = end.end()
    yield plain[begin:].strip()


def keyword(sentence):
    for word in KEYWORDS:
        if re.search(rf"\b{word}\b", sentence, re.IGNORECASE):
            return word
    return None


def rows(folder):
    files = sorted(p for p in folder.glob("*.md") if re.match(r"0[345][._]", p.name))
    numbers = [0] * DEPTH
    ordinal = 0
    for path in files:
        if re.match(r"0\d_", path.name) or path.name[3:5] == "00":
            numbers = [int(path.name[:2]) - 1] + [0] * (DEPTH - 1)
        for part in paragraphs(path.read_text(encoding="utf-8")):
            if isinstance(part, tuple):
                depth = part[0]
                numbers = numbers[: depth - 1] + [numbers[depth - 1] + 1] + [0] * (DEPTH - depth)
                ordinal = 0
                continue
            for sentence in sentences(part):
                word = keyword(sentence)
                if word:
                    ordinal += 1
                    section = ".".join(str(n) for n in numbers if n)
                    quote = " ".join(sentence.split()[:WORDS])
                    yield section, ordinal, word, f"{fnv1a(sentence):08x}", quote


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["section", "sentence", "keyword", "hash", "begins"])
    writer.writerows(rows(pathlib.Path(sys.argv[1])))


if __name__ == "__main__":
    main()
