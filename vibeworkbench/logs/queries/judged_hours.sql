SELECT
    source, greatest(floor(epoch($now::TIMESTAMP - bucket) / 3600), 0)::INTEGER AS hours_ago, sum(count)::BIGINT,
    coalesce(sum(count) FILTER (level >= 17), 0)::BIGINT
FROM log_count
WHERE kind = $kind AND bucket > $begin AND bucket < $end
    AND ($names::VARCHAR[] IS NULL OR list_contains($names::VARCHAR[], source))
GROUP BY ALL
