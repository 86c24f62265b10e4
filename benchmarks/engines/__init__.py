"""One file per engine: each imports one library and defines `Engine`, a `benchmarks.engines.base.Base`."""

FILES = {"guided": "ours", "llguidance": "llguidance", "xgrammar": "xgrammar", "outlines-core": "outlines_core"}
