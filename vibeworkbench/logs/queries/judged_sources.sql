SELECT source, first_at, last_at
FROM log_source
WHERE kind = $kind AND ($names::VARCHAR[] IS NULL OR list_contains($names::VARCHAR[], source))
ORDER BY source
