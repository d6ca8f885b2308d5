SELECT
    container_id, time_bucket($bucket::INTERVAL, seen_at, TIMESTAMP '1970-01-01') AS began_at,
    avg(cpu_percent), max(cpu_percent), avg(memory_bytes), max(memory_bytes), avg(processes), max(processes),
    avg(network_received_bytes), max(network_received_bytes), avg(network_sent_bytes), max(network_sent_bytes),
    avg(block_read_bytes), max(block_read_bytes), avg(block_written_bytes), max(block_written_bytes)
FROM container_sample
WHERE seen_at >= $begin AND seen_at < $end AND list_contains($container_ids::VARCHAR[], container_id)
GROUP BY container_id, began_at
