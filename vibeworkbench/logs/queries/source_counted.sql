INSERT INTO log_source
SELECT n.kind, n.source, sum(n.count)::BIGINT, min(n.first_at), max(n.last_at), any_value(w.layout)
FROM tally AS n
JOIN tally_words AS w ON w.kind = n.kind AND w.source = n.source
GROUP BY n.kind, n.source
ON CONFLICT DO UPDATE SET
    lines = lines + excluded.lines,
    first_at = least(first_at, excluded.first_at),
    last_at = greatest(last_at, excluded.last_at),
    layout = excluded.layout
