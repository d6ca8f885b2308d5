UPDATE log_template AS t
SET samples = list_concat(t.samples, n.texts)
FROM new_samples AS n
WHERE t.template_id = n.id
