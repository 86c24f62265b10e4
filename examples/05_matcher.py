"""The core without a model: which tokens may come next?  A vocabulary by hand, and every operation of a matcher."""

import numpy as np

import guided

vocab = guided.Vocabulary([b"1", b"2", b"12", b":", b":0", b"0", b""], eos_ids={6})
matcher = guided.Matcher(guided.regex(r"1?\d:\d0"), vocab)


def allowed() -> list[bytes | str]:
    bits = np.unpackbits(matcher.mask().view(np.uint8), bitorder="little")
    return [vocab.tokens[int(token)] or "EOS" for token in np.flatnonzero(bits)]


print("at first:", allowed())
matcher.advance(2)  # "12"
print("after 12:", allowed(), "forced:", matcher.forced())
matcher.advance(3)  # ":"
other = matcher.fork()
other.advance(1)
print("12:2 is followed by", other.forced())
matcher.rollback(1)
print("taken back:", matcher.text)
try:
    matcher.advance(0)
except guided.TokenRejected as error:
    print(error)
assert other.text == b"12:2"
assert matcher.text == b"12"
