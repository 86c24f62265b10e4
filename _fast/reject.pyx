# Rejection: one step of adaptive weighted rejection sampling, as a machine that asks about one token at a time.
# Uses: Urn, Stream.
#
# It holds no callback: whoever drives it answers, so that the questions of many particles can be put in one batch.
# Every form is properly weighted: E[exp(logw) 1{token = x}] = p(x) if x is accepted, else 0, for every x.
# The recursive form has seen more than one token that is accepted: all of them, each with its own mass, are an unbiased
# estimate of the whole accepted part, and sum to exp(logw).  `found` is that list, for samplers that go on with several.
# Source: Lipkin et al., arXiv:2504.05410; the known form is ours.  Twin: tests/oracle/slow_awrs.py.
# Derivation, one form after the other: docs/theory/awrs.md.


cdef enum:
    RECURSIVE = 0                  # the known form too: it is this one where something is known
    TWO_LOOP = 1
    GEOMETRIC = 2
    NOTHING = -1                   # no token

FORMS = {"recursive": RECURSIVE, "two-loop": TWO_LOOP, "geometric": GEOMETRIC}


cdef inline double log_add(double a, double b) noexcept nogil:
    """log(exp(a) + exp(b)); -inf is nothing."""
    if a == -INFINITY:
        return b
    if b == -INFINITY:
        return a
    return a + log1p(exp(b - a)) if a > b else b + log1p(exp(a - b))


cdef class Rejection:
    """One step: while `asking` >= 0, answer(whether that token is accepted); then `token` and `logw` are there.

    urn         : what to draw from; it is used up.
    form        : "recursive", "two-loop" or "geometric".
    depth       : of the recursive form: tokens whose acceptance is counted exactly before the rest is estimated by one.
    max_rejects : 0 for no limit.  recursive: questions in all; geometric: rejections, repeated ones counted.
    max_accepts : of the geometric form, >= 2.
    spreads     : recursive: go on to `depth` accepted tokens even where all are known, and keep `found`.
    """
    cdef Urn urn
    cdef Stream stream
    cdef int32_t form
    cdef int32_t depth_left         # accepted tokens still to be counted one by one
    cdef int32_t max_accepts
    cdef double max_rejects         # inf for no limit
    cdef bint spreads
    cdef bint in_second             # recursive: the tail; two-loop: the second loop
    cdef double log_sum             # recursive: log mass of the accepted tokens seen
    cdef double log_start           # log mass before the first draw; two-loop: after the first loop
    cdef double n_accepts           # geometric: accepted draws
    cdef double n_rejects           # two-loop, geometric: rejected draws; whole numbers, possibly beyond 2**63
    cdef set accepted               # tokens answered yes
    cdef readonly token_t asking    # the token in question, -1 once all is decided
    cdef readonly token_t token     # the token drawn, -1 if none was accepted
    cdef readonly double logw       # its log weight, -inf if none was accepted
    cdef readonly int32_t n_asked   # questions so far
    cdef readonly list rejected     # tokens answered no, in order
    cdef readonly list found        # (token, log mass it stands for), if it spreads: E[sum of the masses of x] = p(x)

    def __init__(self, Urn urn not None, Stream stream not None, form="recursive", int32_t depth=1,
                 int64_t max_rejects=0, int32_t max_accepts=2, bint spreads=False):
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, not {form!r}")
        self.form = FORMS[form]
        if depth < 1 or max_rejects < 0 or max_accepts < 2:
            raise ValueError(f"depth must be >= 1, max_rejects >= 0, max_accepts >= 2: got {depth}, {max_rejects}, {max_accepts}")
        if max_rejects and self.form == TWO_LOOP:
            raise ValueError("the two-loop form has no max_rejects: cut short, its weights would be biased")
        if max_rejects == 1 and self.form == GEOMETRIC:
            raise ValueError("max_rejects of the geometric form must be at least 2: with 1 its weights would be biased")
        if spreads and self.form != RECURSIVE:
            raise ValueError("only the recursive form spreads: the others know the weight of one token alone")
        self.spreads, self.found = spreads, []
        self.urn, self.stream, self.depth_left, self.max_accepts = urn, stream, depth, max_accepts
        self.max_rejects = INFINITY if max_rejects == 0 else <double>max_rejects
        self.asking = self.token = NOTHING
        self.logw = self.log_sum = -INFINITY
        self.accepted, self.rejected = set(), []
        self.log_start = urn.log_of(urn.mass())
        self.go_on()

    def answer(self, bint is_accepted) -> None:
        """Whether the token in question is accepted."""
        if self.asking == NOTHING:
            raise ValueError("nothing was asked")
        self.take_answer(is_accepted)

    def run(self, ask) -> None:
        """Put all questions to `ask(token) -> bool`."""
        while self.asking != NOTHING:
            self.take_answer(ask(self.asking))

    cdef int take_answer(self, bint is_accepted) except -1:
        cdef token_t token = self.asking
        self.asking = NOTHING
        self.n_asked += 1
        if not is_accepted:
            self.rejected.append(token)
        elif self.form != RECURSIVE:                   # there it is taken out, and cannot come again
            self.accepted.add(token)
        if self.heard(token, is_accepted, True):
            self.go_on()
        return 0

    cdef int go_on(self) except -1:
        """Draw until a token must be asked about, or all is decided."""
        cdef token_t token
        while True:
            if self.form == GEOMETRIC and self.rejected and not self.repeat():
                return 0
            token = self.urn.draw(self.stream, self.form == RECURSIVE and self.in_second)
            if token == NOTHING:
                self.finish()
                return 0
            if not self.urn.is_known(token) and token not in self.accepted:
                self.asking = token
                return 0
            if not self.heard(token, True, False):
                return 0

    cdef bint heard(self, token_t token, bint is_accepted, bint was_asked) except -1:
        """Count an answer.  Returns whether to go on."""
        if is_accepted and self.token == NOTHING:
            self.token = token
        if self.form == RECURSIVE:
            return self.heard_recursive(token, is_accepted, was_asked)
        if is_accepted:
            self.n_accepts += 1
            if self.form == TWO_LOOP:
                if self.in_second:
                    self.finish()
                    return False
                self.in_second, self.log_start = True, self.urn.log_of(self.urn.mass())
                return True
        else:
            self.n_rejects += 1
            self.urn.remove(token)
        if self.form == GEOMETRIC and (self.n_accepts >= self.max_accepts or self.n_rejects >= self.max_rejects):
            self.finish()
            return False
        return True

    cdef bint heard_recursive(self, token_t token, bint is_accepted, bint was_asked) except -1:
        cdef Urn urn = self.urn
        if self.in_second:                             # one token stands for all that are unknown
            if is_accepted:
                self.count(token, urn.part(False))
            self.count_known()
            return False
        if was_asked and self.n_asked >= self.max_rejects:    # the last question: this token stands for all that is left
            if is_accepted:
                self.count(token, urn.mass())
            self.finish()
            return False
        if is_accepted:
            self.count_log(token, urn.logp(token))
        urn.remove(token)
        if is_accepted:
            self.depth_left -= 1
            if self.depth_left == 0 or (urn.part(False) <= 0 and not self.spreads):
                self.in_second = True
                if urn.part(False) <= 0:
                    self.count_known()
                    return False
        return True

    cdef int count(self, token_t token, double weight) except -1:
        """An accepted token, and the mass that it stands for, as a weight of the urn."""
        return self.count_log(token, self.urn.log_of(weight))

    cdef int count_log(self, token_t token, double log_mass) except -1:
        self.log_sum = log_add(self.log_sum, log_mass)
        if self.spreads:
            self.found.append((token, log_mass))
        return 0

    cdef int count_known(self) except -1:
        """What is known and left, in one piece: for that its mass is enough, and one of its tokens.  That is the end."""
        cdef double weight = self.urn.part(True)
        if weight > 0:
            self.count(self.urn.draw(self.stream, False, True) if self.spreads else NOTHING, weight)
        self.finish()
        return 0

    cdef bint repeat(self) except -1:
        """Draws with replacement that hit what is rejected already.  Returns whether to go on."""
        cdef double left = exp(self.urn.log_of(self.urn.mass()) - self.log_start)
        if left <= 0:
            self.finish()
            return False
        if left < 1:
            self.n_rejects += floor(log(self.stream.next()) / log1p(-left))
        if self.n_rejects >= self.max_rejects:
            self.finish()
            return False
        return True

    cdef void finish(self) noexcept:
        """Nothing more to ask: the weight."""
        cdef double n_counted
        if self.token == NOTHING:
            self.logw = -INFINITY
        elif self.form == RECURSIVE:
            self.logw = self.log_sum
        elif self.form == TWO_LOOP:
            self.logw = self.log_start - log(self.n_rejects + 1)
        else:
            self.n_rejects = min(self.n_rejects, self.max_rejects)
            n_counted = min(<double>(self.max_accepts - 1), self.n_accepts)
            self.logw = self.log_start + log(n_counted) - log(self.n_accepts + self.n_rejects - 1)
