"""Networks in files: safetensors with the architecture in the metadata, without pickle."""
