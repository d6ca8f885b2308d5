WITH said AS (
    SELECT
        template_id,
        sum(count)::BIGINT AS count,
        min(first_at) AS first_at,
        max(last_at) AS last_at,
        list({'kind': kind, 'source': source} ORDER BY count DESC, kind, source) AS sources
    FROM log_template_source
    WHERE ($kind IS NULL OR kind = $kind) AND ($source IS NULL OR source = $source)
    GROUP BY template_id
)
SELECT t.template_id, t.text, t.level, t.parent, t.version, s.count, s.first_at, s.last_at, s.sources, t.samples
FROM log_template AS t
JOIN said AS s ON s.template_id = t.template_id
WHERE ($template IS NULL OR t.template_id = $template)
    AND ($level IS NULL OR t.level >= $level)
    AND ($begin IS NULL OR s.last_at >= $begin)
    AND ($end IS NULL OR s.first_at < $end)
    AND len(list_filter($terms::VARCHAR[], lambda term: NOT contains(lower(t.text), term))) = 0
ORDER BY
    CASE WHEN $sort = 'count' THEN s.count END DESC,
    CASE WHEN $sort = 'lastSeen' THEN s.last_at END DESC,
    CASE WHEN $sort = 'firstSeen' THEN s.first_at END ASC,
    CASE WHEN $sort = 'new' THEN t.first_at END DESC,
    t.template_id
LIMIT $limit OFFSET $offset
