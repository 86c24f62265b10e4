"""An unmodified `model.generate` of transformers: the constraint is a logits processor, and works with beams too."""

import re

import guided

lm = guided.tiny()
model, tokenizer = lm.model, lm.tokenizer  # ordinary transformers objects

pattern = r"(red|green|blue), \d{1,3} euros?"
processor = guided.ConstraintLogitsProcessor(guided.regex(pattern), tokenizer)
inputs = tokenizer("The colour and the price: ", return_tensors="pt")

for options in (
    {"do_sample": False},
    {"do_sample": True, "num_return_sequences": 3},
    {"num_beams": 4},
    {"prompt_lookup_num_tokens": 3},
):
    outputs = model.generate(
        **inputs, **options, logits_processor=[processor], max_new_tokens=30, pad_token_id=tokenizer.eos_token_id
    )
    for row in outputs[:, inputs["input_ids"].shape[1] :]:
        text = tokenizer.decode(row, skip_special_tokens=True)
        print(f"{next(iter(options))}: {text}")
        assert re.fullmatch(pattern, text)
