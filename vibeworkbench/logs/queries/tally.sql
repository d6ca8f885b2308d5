SELECT
    template, source, level, date_trunc('minute', said_at) AS bucket, count(*) AS count,
    min(said_at) AS first_at, max(said_at) AS last_at
FROM told_lines
GROUP BY template, source, level, bucket
