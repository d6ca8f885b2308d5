SELECT DISTINCT source, epoch(bucket)::DOUBLE AS spoke_s
FROM log_count
WHERE kind = $kind AND list_contains($silent::VARCHAR[], source)
ORDER BY source, spoke_s
