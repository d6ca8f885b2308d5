"""The state: transactions, the event log, the tables' history, and what differs between databases."""
