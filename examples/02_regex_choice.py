"""Patterns and choices, alone and combined with & and |."""

import re

import guided

lm = guided.tiny()

date = guided.regex(r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
print(guided.generate(lm, "The release date is ", date, max_tokens=20, seed=3).text)

verdict = guided.choice(["yes", "no", "not sure"])
print(guided.generate(lm, "Is 7 a prime number? Answer: ", verdict, max_tokens=10, seed=3).text)

# & and | of regular languages are exact: a word of at most eight letters that does not begin with "un".
word = guided.regex("[a-z]{3,8}") & guided.regex("(?!un).*")
for out in guided.generate(lm, "The opposite of happy is ", word, max_tokens=8, seed=3, n=3):
    print(out.text)
    assert re.fullmatch("(?!un)[a-z]{3,8}", out.text)
