SELECT next_seq - 1 FROM log_seq
