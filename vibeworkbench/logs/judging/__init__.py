"""From records to verdicts: which trouble a record tells of, and whether what a source says is unusual. All pure.

stacks → grouping: records of one trouble share a key · rates, silence, restarts: counts against their own past
"""
