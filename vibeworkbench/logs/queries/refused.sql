INSERT INTO log_refused VALUES ($1, $2, $3, $4, make_timestamp($5))
ON CONFLICT DO UPDATE SET
    count = count + excluded.count,
    sample = excluded.sample,
    last_at = excluded.last_at;
