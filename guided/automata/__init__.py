"""Regular languages: regex text -> syntax tree -> byte NFA -> DFA.  Floor 2."""
