SELECT
    CASE WHEN $by_time THEN time_bucket($bucket::INTERVAL, said_at, TIMESTAMP '1970-01-01') END AS bucket_at,
    CASE WHEN $by_level THEN l.level END AS level,
    CASE WHEN $by_container THEN instance END AS instance,
    CASE WHEN $by_container THEN source END AS source,
    CASE WHEN $by_template THEN l.template_id END AS template_id,
    CASE WHEN $by_template THEN any_value(t.text) END AS template,
    count(*) AS lines
FROM log_line AS l
LEFT JOIN log_template AS t ON $by_template AND t.template_id = l.template_id
WHERE kind = 'container'
    AND said_at >= $begin AND said_at < $end
    AND ($container_id IS NULL OR instance = $container_id)
    AND ($level IS NULL OR l.level >= $level)
    AND ($template IS NULL OR l.template_id = $template)
    AND ($text IS NULL OR contains(lower(message), lower($text)))
GROUP BY 1, 2, 3, 4, 5
ORDER BY bucket_at, lines DESC, instance, level, template_id
LIMIT $limit
