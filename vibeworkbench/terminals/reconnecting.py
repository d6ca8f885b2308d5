"""When a lost upstream is asked again. Pure."""
