SELECT template_id, level, time_bucket($bucket::INTERVAL, bucket) AS began_at, sum(count)::BIGINT
FROM log_count
WHERE kind = $kind AND source = $source AND bucket >= $begin
GROUP BY ALL
ORDER BY template_id, level, began_at
