"""Issues: their life cycle, what findings do to them, and what is true of all of them together."""
