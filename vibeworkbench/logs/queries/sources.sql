SELECT
    coalesce(s.kind, r.kind), coalesce(s.source, r.source), coalesce(s.lines, 0), s.first_at, s.last_at, s.layout,
    coalesce(r.count, 0), r.sample
FROM log_source AS s
FULL JOIN log_refused AS r ON r.kind = s.kind AND r.source = s.source
WHERE
    $after_kind IS NULL
    OR (coalesce(s.kind, r.kind), coalesce(s.source, r.source)) > ($after_kind, $after_source)
ORDER BY 1, 2
LIMIT $limit
