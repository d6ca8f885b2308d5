SELECT source, list_sort(list(epoch(said_at)::DOUBLE))
FROM (
    SELECT source, said_at
    FROM log_line
    WHERE kind = $kind AND said_at > $recent AND said_at <= $end AND level >= 17
        AND list_contains($speaking::VARCHAR[], source)
    QUALIFY row_number() OVER (PARTITION BY source ORDER BY said_at DESC) <= 5000
)
GROUP BY source
