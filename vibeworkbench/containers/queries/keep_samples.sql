INSERT INTO container_sample
SELECT n.* FROM (
    SELECT
        unnest($container_id::VARCHAR[]) AS container_id,
        make_timestamp(unnest($seen_us::BIGINT[])) AS seen_at,
        unnest($state::VARCHAR[]),
        unnest($restarts::BIGINT[]),
        make_timestamp(unnest($started_us::BIGINT[])),
        unnest($cpu_percent::DOUBLE[]),
        unnest($cpu_limit::DOUBLE[]),
        unnest($memory_bytes::BIGINT[]),
        unnest($memory_limit_bytes::BIGINT[]),
        unnest($network_received_bytes::BIGINT[]),
        unnest($network_sent_bytes::BIGINT[]),
        unnest($block_read_bytes::BIGINT[]),
        unnest($block_written_bytes::BIGINT[]),
        unnest($processes::BIGINT[])
) AS n
WHERE NOT EXISTS (
    SELECT 1 FROM container_sample AS s
    WHERE s.seen_at >= make_timestamp($oldest_us::BIGINT) AND s.seen_at = n.seen_at AND s.container_id = n.container_id
)
