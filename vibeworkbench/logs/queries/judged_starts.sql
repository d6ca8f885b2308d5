-- Templates that came several times lately, but not by the hundred, with their instants and how often they came before.
SELECT r.source, r.template_id, t.text, r.started_s, coalesce(b.before, 0)::BIGINT
FROM (
    SELECT source, template_id, list_sort(list(epoch(said_at)::DOUBLE)) AS started_s
    FROM log_line
    WHERE kind = $kind AND said_at > $recent AND said_at <= $end AND level < 17
        AND list_contains($speaking::VARCHAR[], source)
    GROUP BY source, template_id
    HAVING count(*) BETWEEN 3 AND 1000
) AS r
JOIN log_template AS t ON t.template_id = r.template_id
LEFT JOIN (
    SELECT source, template_id, sum(count) AS before
    FROM log_count
    WHERE kind = $kind AND bucket > $begin AND bucket <= $recent
    GROUP BY source, template_id
) AS b ON b.source = r.source AND b.template_id = r.template_id
ORDER BY r.source, r.template_id
