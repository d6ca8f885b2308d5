SELECT seq, received_at, said_at, kind, source, instance, stream, level, message, template_id, attributes
FROM log_line
WHERE seq >= $first AND seq < $next AND kind = 'container'
ORDER BY seq DESC
LIMIT $limit
