"""The same with edx-braze-client, which sends one batch after another and knows no deletion.

Usage: python send.py FILE URL JOURNAL; it writes and syncs a line for each reply.
"""

import json
import os
import sys

from braze.client import BrazeClient

STATES = {"ACTIVE": "opted_in", "WITHDRAWN": "unsubscribed", "OPT_OUT": "unsubscribed", "NO_CONSENT": "unsubscribed"}
KEYS = {"Marketing e-mail": "email_subscribe", "Push notifications": "push_subscribe"}


def attributes(record):
    person = {"external_id": record["subject"]["external_id"], "_update_existing_only": True}
    for consent in record["consents"]:
        if consent["purpose"] in KEYS and consent["status"] in STATES:
            person[KEYS[consent["purpose"]]] = STATES[consent["status"]]
    return person


def main(file, url, journal_path):
    client = BrazeClient(api_key="benchmark", api_url=url, app_id="")
    done, batch = 0, []
    with open(file, encoding="utf-8") as lines, open(journal_path, "a", encoding="utf-8") as journal:

        def send():
            nonlocal done
            client.track_user(attributes=batch)
            done += len(batch)
            journal.write(f"{done} {len(batch)}\n")
            journal.flush()
            os.fdatasync(journal.fileno())
            batch.clear()

        for line in lines:
            batch.append(attributes(json.loads(line)))
            if len(batch) == 75:
                send()
        if batch:
            send()
    print(json.dumps({"done": done}, separators=(",", ":")))


main(*sys.argv[1:])
