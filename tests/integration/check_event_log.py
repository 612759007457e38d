"""Prints what is wrong with the event log of a controller whose searches have all ended in order.

usage: check_event_log.py DATABASE

Prints nothing if every trial was measured, none twice, no late report was taken and no episode was
learned from twice. Reads the database as any user could, with Python's own SQLite.
"""
import sqlite3
import sys


def events(kind):
    """Trial key and attempt of all events of a kind."""
    return (
        f"SELECT json_extract(payload, '$.{kind}.trial_key') AS trial_key,"
        f" CAST(json_extract(payload, '$.{kind}.attempt') AS INTEGER) AS attempt"
        f" FROM events WHERE kind = '{kind}'"
    )


CREATED = events("trial_created")
LEASED = events("evaluation_leased")
COMPLETED = events("evaluation_completed")
LEARNED = (
    "SELECT search, json_extract(payload, '$.episode_observed.episode') AS episode"
    " FROM events WHERE kind = 'episode_observed'"
)

CHECKS = {
    "measured twice": f"SELECT trial_key, COUNT(*) FROM ({COMPLETED})"
    " GROUP BY trial_key HAVING COUNT(*) <> 1",
    "never measured": f"SELECT DISTINCT trial_key FROM ({CREATED})"
    f" WHERE trial_key NOT IN (SELECT trial_key FROM ({COMPLETED}))",
    "leased twice under one number": f"SELECT trial_key, attempt FROM ({LEASED})"
    " GROUP BY trial_key, attempt HAVING COUNT(*) <> 1",
    "late report taken": f"SELECT trial_key, attempt FROM ({COMPLETED}) AS completed"
    f" WHERE attempt <> (SELECT MAX(attempt) FROM ({LEASED}) AS leased"
    " WHERE leased.trial_key = completed.trial_key)",
    "learned twice": f"SELECT search, episode, COUNT(*) FROM ({LEARNED})"
    " GROUP BY search, episode HAVING COUNT(*) <> 1",
    "gap in the log": "SELECT COUNT(*), MAX(sequence) FROM events HAVING COUNT(*) <> MAX(sequence)",
}


def main():
    database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    for what, query in CHECKS.items():
        for row in database.execute(query):
            print(f"{what}:", *row)


main()
