SELECT
    container_id, seen_at, state, cpu_percent, cpu_limit, memory_bytes, memory_limit_bytes, network_received_bytes,
    network_sent_bytes, block_read_bytes, block_written_bytes, processes
FROM container_sample
WHERE ($container_id IS NULL OR container_id = $container_id)
    AND ($begin IS NULL OR seen_at >= $begin)
    AND ($end IS NULL OR seen_at < $end)
    AND ($before_at IS NULL OR seen_at < $before_at OR (seen_at = $before_at AND container_id > $before_id))
ORDER BY seen_at DESC, container_id
LIMIT $limit
