INSERT INTO log_template_source
SELECT template_id, kind, source, min(first_at), max(last_at), sum(count)::BIGINT
FROM tally
GROUP BY template_id, kind, source
ON CONFLICT DO UPDATE SET
    first_at = least(first_at, excluded.first_at),
    last_at = greatest(last_at, excluded.last_at),
    count = count + excluded.count
