-- The engine counts its own restarts; those by hand show as another start.
SELECT container_id, greatest(max(restarts) - min(restarts), count(DISTINCT started_at) - 1, 0)::BIGINT
FROM container_sample
WHERE seen_at >= $since
GROUP BY container_id
