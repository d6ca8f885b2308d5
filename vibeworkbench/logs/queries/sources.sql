SELECT
    coalesce(s.kind, r.kind), coalesce(s.source, r.source), coalesce(s.lines, 0), s.first_at, s.last_at, s.layout,
    coalesce(r.count, 0), r.sample
FROM log_source AS s
FULL JOIN log_refused AS r ON r.kind = s.kind AND r.source = s.source
ORDER BY 1, 2
