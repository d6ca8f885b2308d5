"""What every route shares: identity and rights, strict decoding, errors, and their description."""
