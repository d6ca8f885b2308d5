SELECT seq, received_at, said_at, kind, source, instance, stream, level, message, template_id, attributes
FROM log_line
WHERE ($kind IS NULL OR kind = $kind)
    AND ($source IS NULL OR source = $source)
    AND ($instance IS NULL OR instance = $instance)
    AND ($level IS NULL OR level >= $level)
    AND ($template IS NULL OR template_id = $template)
    AND ($text IS NULL OR contains(message, $text) OR contains(message, $capitalised) OR contains(message, $upper))
    AND (len($others::VARCHAR[]) = 0 OR list_bool_and([contains(lower(message), other) FOR other IN $others::VARCHAR[]]))
    AND ($begin IS NULL OR said_at >= $begin)
    AND ($end IS NULL OR said_at < $end)
    AND ($before_at IS NULL OR said_at < $before_at OR (said_at = $before_at AND seq < $before_seq))
ORDER BY said_at DESC, seq DESC
LIMIT $limit
