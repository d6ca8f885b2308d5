SELECT
    n.template_id, t.text, n.level, n.lines, n.first_at, n.last_at, t.first_at, t.last_at, t.count, t.samples
FROM (
    SELECT template_id, max(level) AS level, count(*) AS lines, min(said_at) AS first_at, max(said_at) AS last_at
    FROM log_line
    WHERE kind = $kind AND source = $source AND seq > $since AND seq <= $until
    GROUP BY template_id
) AS n
LEFT JOIN log_template AS t ON t.template_id = n.template_id
ORDER BY n.lines DESC, n.template_id
