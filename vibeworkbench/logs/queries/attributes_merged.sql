SELECT
    CASE
        WHEN given IS NULL THEN told
        WHEN told IS NULL THEN given
        ELSE json_merge_patch(told, given)::VARCHAR
    END AS attributes
FROM attributed
