SELECT source, max_by(left(message, 1000), (said_at, seq), 3)
FROM log_line
WHERE kind = $kind AND list_contains($silent::VARCHAR[], source)
GROUP BY source
