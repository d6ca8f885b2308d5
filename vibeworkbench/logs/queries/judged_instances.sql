-- Instances that spoke for the first time lately: their first instants, and how many such there were before.
SELECT
    source, list_sort(list(first_s) FILTER (first_s > epoch($recent::TIMESTAMP))),
    count(*) FILTER (first_s > epoch($begin::TIMESTAMP) AND first_s <= epoch($recent::TIMESTAMP))
FROM (
    SELECT source, instance, epoch(min(said_at))::DOUBLE AS first_s
    FROM log_line
    WHERE kind = $kind AND instance != '' AND list_contains($speaking::VARCHAR[], source)
    GROUP BY source, instance
)
GROUP BY source
HAVING count(*) FILTER (first_s > epoch($recent::TIMESTAMP)) >= 3
ORDER BY source
