"""What users hold: languages that know no tokenizer.  Floor 4; thin front ends over the recognisers below."""
