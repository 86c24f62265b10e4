"""Resident memory of a process that compiles many JSON Schemas one after another, without transformers and torch.

    python -m benchmarks.schema_memory --data DIR --tokenizer DIR [--schemas N]

DIR of data holds *.json files with {"schema": .., "tests": [{"valid": bool, "data": ..}]}; every document is written by
json.dumps and read token by token, each token one mask and one step, as in benchmarks/maskbench.py.  The tokenizer is
that of the package tokenizers, read from tokenizer.json; what it takes itself is printed first.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.maskbench import MEMORY_EVERY, written
from benchmarks.measure import resident_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with a byte-level tokenizer.json")
    parser.add_argument("--schemas", type=int, help="the first so many; all of them if not given")
    options = parser.parse_args()

    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(options.tokenizer / "tokenizer.json"))
    print(f"tokenizer: {resident_mb():.1f} MB")
    import guided

    vocab = guided.Vocabulary.from_tokenizer(tokenizer)
    print(f"with the vocabulary: {resident_mb():.1f} MB")
    mask = np.zeros((vocab.size + 31) // 32, dtype=np.uint32)
    for number, file in enumerate(sorted(options.data.glob("*.json"))[: options.schemas], 1):
        document = json.loads(file.read_text(encoding="utf-8"))
        origin = guided.Matcher(guided.json_schema(document["schema"], order="any"), vocab)
        for test in document["tests"]:
            matcher = origin.fork()
            for token in tokenizer.encode(written(test["data"]), add_special_tokens=False).ids:
                matcher.mask(mask)
                if not mask[token >> 5] >> (token & 31) & 1:
                    break
                matcher.advance(token)
        if number % MEMORY_EVERY == 0:
            print(f"after {number} schemas: {resident_mb():.1f} MB")
    assert "torch" not in sys.modules and "transformers" not in sys.modules


if __name__ == "__main__":
    main()
