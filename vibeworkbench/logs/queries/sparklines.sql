SELECT template_id, floor((epoch(bucket) - epoch($begin::TIMESTAMP)) / $bucket_s)::INTEGER AS place, sum(count)::BIGINT
FROM log_count
WHERE template_id IN (SELECT unnest($templates::VARCHAR[]))
    AND ($kind IS NULL OR kind = $kind)
    AND ($source IS NULL OR source = $source)
    AND bucket >= $begin
    AND bucket < $end
GROUP BY ALL
