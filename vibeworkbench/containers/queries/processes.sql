SELECT container_id, process_id, first_at, last_at, told
FROM container_process
WHERE ($container_id IS NULL OR container_id = $container_id)
    AND ($ended IS NULL OR is_ended = $ended)
    AND ($after_id IS NULL OR container_id > $after_id OR (container_id = $after_id AND process_id > $after_process))
ORDER BY container_id, process_id
LIMIT $limit
