SELECT
    error_id, any_value(type), arg_max(message, last_at), arg_max(stack, last_at), sum(count)::BIGINT AS count,
    min(first_at) AS first_at, max(last_at) AS last_at, list(DISTINCT container_id ORDER BY container_id)
FROM container_error
WHERE ($container_id IS NULL OR container_id = $container_id)
    AND ($type IS NULL OR type = $type)
    AND ($text IS NULL OR contains(lower(message), lower($text)) OR contains(lower(stack), lower($text)))
GROUP BY error_id
HAVING ($begin IS NULL OR max(last_at) >= $begin)
    AND ($end IS NULL OR min(first_at) < $end)
    AND ($before_at IS NULL OR max(last_at) < $before_at OR (max(last_at) = $before_at AND error_id > $before_id))
ORDER BY last_at DESC, error_id
LIMIT $limit
