INSERT INTO log_template
SELECT template_id, text, pattern, parent, 0, first_at, first_at, 0, []::VARCHAR[], version, number
FROM changed_templates
ON CONFLICT DO UPDATE SET
    text = excluded.text,
    version = excluded.version,
    pattern = excluded.pattern,
    parent = excluded.parent
