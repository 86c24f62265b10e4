"""JSON Schema: documents -> residual formulas per instance location -> contexts of a Machine."""
