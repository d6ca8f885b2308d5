-- Records with a stack, or with attributes about their trouble; those that differ in digits only, once.
SELECT
    source, template_id, max(level), max_by(message, seq), fingerprint, exception_type, exception_message,
    max_by(stacktrace, seq), count(*), count(*) FILTER (is_new), coalesce(min(said_at) FILTER (is_new), min(said_at)),
    max(said_at)
FROM (
    SELECT
        l.*, l.seq > greatest($since, coalesce(c.at, 0)) AS is_new,
        coalesce(
            json_extract_string(l.attributes, '$.fingerprint'), json_extract_string(l.attributes, '$."error.fingerprint"')
        ) AS fingerprint,
        json_extract_string(l.attributes, '$."exception.type"') AS exception_type,
        json_extract_string(l.attributes, '$."exception.message"') AS exception_message,
        json_extract_string(l.attributes, '$."exception.stacktrace"') AS stacktrace
    FROM log_line AS l
    LEFT JOIN (SELECT unnest($own_names::VARCHAR[]) AS source, unnest($own_seqs::BIGINT[]) AS at) AS c
        ON c.source = l.source
    WHERE l.kind = $kind AND l.seq > $lowest AND l.seq <= $until AND (l.level >= 17 OR l.level = 0)
        AND ($names::VARCHAR[] IS NULL OR list_contains($names::VARCHAR[], l.source))
        AND ($again OR l.seq > greatest($since, coalesce(c.at, 0)))
        AND (
            contains(l.message, chr(10)) OR contains(l.attributes, 'fingerprint') OR contains(l.attributes, 'exception.')
        )
)
GROUP BY
    source, template_id, level = 0, translate(message, '123456789', '000000000'), fingerprint, exception_type,
    exception_message, translate(stacktrace, '123456789', '000000000')
ORDER BY source, template_id, min(seq)
