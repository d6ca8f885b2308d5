SELECT container_id, first_at, last_at, told FROM container ORDER BY container_id
