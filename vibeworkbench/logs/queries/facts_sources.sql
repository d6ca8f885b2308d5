SELECT kind, source, lines, first_at, last_at FROM log_source ORDER BY kind, source
