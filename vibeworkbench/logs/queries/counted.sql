INSERT INTO log_count
SELECT template_id, kind, source, level, bucket, sum(count)::BIGINT
FROM tally
GROUP BY template_id, kind, source, level, bucket
