-- Each template of each source, its error records apart.
SELECT
    n.source, n.template_id, coalesce(t.text, ''), n.is_error, n.level, n.lines, n.new, n.first_at, n.last_at,
    coalesce(s.count, n.ever) <= n.ever_new, least(coalesce(s.first_at, n.first_at), n.first_at), n.samples, n.arrived_at
FROM (
    SELECT
        *, sum(new) OVER of_template AS ever_new, sum(lines) OVER of_template AS ever
    FROM (
        SELECT
            l.source, l.template_id, l.level >= 17 AS is_error, max(l.level) AS level, count(*) AS lines,
            count(*) FILTER (l.seq > greatest($since, coalesce(c.at, 0))) AS new,
            coalesce(min(l.said_at) FILTER (l.seq > greatest($since, coalesce(c.at, 0))), min(l.said_at)) AS first_at,
            max(l.said_at) AS last_at,
            coalesce(
                min(l.received_at) FILTER (l.seq > greatest($since, coalesce(c.at, 0))), max(l.received_at)
            ) AS arrived_at,
            max_by(left(l.message, 4000), l.seq, 3) AS samples
        FROM log_line AS l
        LEFT JOIN (SELECT unnest($own_names::VARCHAR[]) AS source, unnest($own_seqs::BIGINT[]) AS at) AS c
            ON c.source = l.source
        WHERE l.kind = $kind AND l.seq > $lowest AND l.seq <= $until
            AND ($names::VARCHAR[] IS NULL OR list_contains($names::VARCHAR[], l.source))
            AND ($again OR l.seq > greatest($since, coalesce(c.at, 0)))
        GROUP BY ALL
    )
    WINDOW of_template AS (PARTITION BY source, template_id)
) AS n
LEFT JOIN log_template AS t ON t.template_id = n.template_id
LEFT JOIN log_template_source AS s ON s.template_id = n.template_id AND s.kind = $kind AND s.source = n.source
ORDER BY n.source, n.new DESC, n.template_id
