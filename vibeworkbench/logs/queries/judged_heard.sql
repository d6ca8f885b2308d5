SELECT source, min(received_at)
FROM log_line
WHERE kind = $kind AND list_contains($heard::VARCHAR[], source)
GROUP BY source
