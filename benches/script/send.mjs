// The script that people write instead: read NDJSON, map, post batches of 75, 16 in flight.
// It has no retries, no order, no limits, no outcome for a person, and cannot be resumed.
// Usage: node send.mjs FILE URL [JOURNAL]; with JOURNAL it writes and syncs a line for each reply.
import { open } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Braze } from 'braze-api';

const [file, url, journalPath] = process.argv.slice(2);
const braze = new Braze(url, 'benchmark');
const journal = journalPath && (await open(journalPath, 'a'));
const states = { ACTIVE: 'opted_in', WITHDRAWN: 'unsubscribed', OPT_OUT: 'unsubscribed', NO_CONSENT: 'unsubscribed' };
const keys = { 'Marketing e-mail': 'email_subscribe', 'Push notifications': 'push_subscribe' };

function attributes(record) {
  const object = { external_id: record.subject.external_id, _update_existing_only: true };
  for (const { purpose, status } of record.consents) {
    if (keys[purpose] && states[status]) object[keys[purpose]] = states[status];
  }
  return object;
}

const flying = new Set();
let people = 0;
async function send(batch) {
  if (flying.size >= 16) await Promise.race(flying);
  const call = (async () => {
    const reply = await braze.users.track({ attributes: batch });
    people += batch.length;
    if (!journal) return;
    await journal.write(`${batch[0].external_id} ${batch.length} ${reply.message}\n`);
    await journal.datasync();
  })();
  flying.add(call);
  call.finally(() => flying.delete(call));
}

let batch = [];
for await (const line of createInterface({ input: createReadStream(file, { highWaterMark: 1 << 20 }) })) {
  batch.push(attributes(JSON.parse(line)));
  if (batch.length === 75) await send(batch.splice(0));
}
if (batch.length) await send(batch);
await Promise.all(flying);
await journal?.close();
console.log(JSON.stringify({ done: people }));
