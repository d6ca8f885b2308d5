-- Lines go by their arrival: what an old file told yesterday is young.
DELETE FROM log_line WHERE received_at < $lines_before;
DELETE FROM log_stretch WHERE next_seq <= (SELECT coalesce(min(seq), 0) FROM log_line);
DELETE FROM event WHERE happened_at < $counts_before AND received_at < $counts_before;
DELETE FROM log_refused WHERE last_at < $lines_before;
-- A template of which lines are kept is kept with its counts, however old the lines say they are.
CREATE OR REPLACE TEMPORARY TABLE log_present AS SELECT DISTINCT template_id FROM log_line;
DELETE FROM log_count WHERE bucket < $counts_before AND template_id NOT IN (SELECT template_id FROM log_present);
DELETE FROM log_template_source
WHERE last_at < $counts_before AND template_id NOT IN (SELECT template_id FROM log_present);
DELETE FROM log_template WHERE template_id NOT IN (SELECT template_id FROM log_template_source);
DELETE FROM log_masked WHERE template_id NOT IN (SELECT template_id FROM log_template);
DROP TABLE log_present;
DELETE FROM log_source AS s
WHERE last_at < $counts_before
    AND NOT EXISTS (SELECT 1 FROM log_template_source AS t WHERE t.kind = s.kind AND t.source = s.source);
-- Old counts by hour, younger ones by minute, one row for each.
CREATE OR REPLACE TEMPORARY TABLE log_rolled AS
SELECT template_id, kind, source, level, began_at, sum(count)::BIGINT AS count
FROM (
    SELECT *, date_trunc(CASE WHEN bucket < $minutes_before THEN 'hour' ELSE 'minute' END, bucket) AS began_at
    FROM log_count
    WHERE bucket < $settled_before
)
GROUP BY template_id, kind, source, level, began_at;
DELETE FROM log_count
WHERE bucket < $settled_before
    AND (SELECT count(*) FROM log_rolled) < (SELECT count(*) FROM log_count WHERE bucket < $settled_before);
INSERT INTO log_count
SELECT * FROM log_rolled
WHERE NOT EXISTS (SELECT 1 FROM log_count WHERE bucket < $settled_before);
DROP TABLE log_rolled
