"""What a terminal's screen is as of now, without an emulator: its modes, and the end of its output. Pure."""
