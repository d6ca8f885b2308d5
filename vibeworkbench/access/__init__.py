"""Who may come in: tokens, people with passwords, sessions, and the record of what was refused."""
