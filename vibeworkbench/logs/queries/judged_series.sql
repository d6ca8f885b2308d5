SELECT c.source, c.template_id, greatest(floor(epoch($now::TIMESTAMP - c.bucket) / 3600), 0)::INTEGER AS hours_ago, sum(c.count)::BIGINT
FROM log_count AS c
JOIN (SELECT unnest($sources::VARCHAR[]) AS source, unnest($templates::VARCHAR[]) AS template_id) AS w
    ON w.source = c.source AND w.template_id = c.template_id
WHERE c.kind = $kind AND c.bucket > $begin AND c.bucket < $end
GROUP BY ALL
