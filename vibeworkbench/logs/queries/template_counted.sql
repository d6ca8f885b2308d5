UPDATE log_template AS t
SET
    count = t.count + n.count,
    level = greatest(t.level, n.level),
    first_at = CASE WHEN t.count = 0 THEN n.first_at ELSE least(t.first_at, n.first_at) END,
    last_at = CASE WHEN t.count = 0 THEN n.last_at ELSE greatest(t.last_at, n.last_at) END
FROM (
    SELECT
        template_id, sum(count)::BIGINT AS count, max(level) AS level, min(first_at) AS first_at, max(last_at) AS last_at
    FROM tally
    GROUP BY template_id
) AS n
WHERE t.template_id = n.template_id
