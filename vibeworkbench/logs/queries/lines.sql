SELECT seq, received_at, said_at, kind, source, instance, stream, level, message, template_id, attributes
FROM log_line
WHERE seq >= $first
    AND seq < $next
    AND ($kind IS NULL OR kind = $kind)
    AND ($source IS NULL OR source = $source)
    AND ($instance IS NULL OR instance = $instance)
    AND ($level IS NULL OR level >= $level)
    AND ($template IS NULL OR template_id = $template)
    AND ($caseless_1 IS NULL OR contains(message, $caseless_1))
    AND ($caseless_2 IS NULL OR contains(message, $caseless_2))
    AND ($caseless_3 IS NULL OR contains(message, $caseless_3))
    AND ($caseless_4 IS NULL OR contains(message, $caseless_4))
    AND ($term_1 IS NULL OR contains(lower(message), $term_1))
    AND ($term_2 IS NULL OR contains(lower(message), $term_2))
    AND ($term_3 IS NULL OR contains(lower(message), $term_3))
    AND ($term_4 IS NULL OR contains(lower(message), $term_4))
    AND ($begin IS NULL OR said_at >= $begin)
    AND ($end IS NULL OR said_at < $end)
    AND ($before_at IS NULL OR said_at < $before_at OR (said_at = $before_at AND seq < $before_seq))
ORDER BY said_at DESC, seq DESC
LIMIT $limit
