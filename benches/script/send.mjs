// The script that people write instead: read NDJSON, map, post full batches, 16 in flight.
// It has no retries, no order, no limits, no outcome for a person, and cannot be resumed.
// Usage: node send.mjs CASE FILE URL [JOURNAL]; with JOURNAL it writes and syncs a line for each reply.
import { open } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Braze } from 'braze-api';

const [name, file, url, journalPath] = process.argv.slice(2);
const braze = new Braze(url, 'benchmark');
const journal = journalPath && (await open(journalPath, 'a'));

const states = { ACTIVE: 'opted_in', WITHDRAWN: 'unsubscribed', OPT_OUT: 'unsubscribed', NO_CONSENT: 'unsubscribed' };
const keys = { 'Marketing e-mail': 'email_subscribe', 'Push notifications': 'push_subscribe' };
const groups = {
  Newsletter: '6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01',
  'Product news': '6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a02',
  'SMS offers': '6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a03',
};

function attributes({ subject, consents }) {
  const object = { external_id: subject.external_id, _update_existing_only: true };
  for (const { purpose, status } of consents) {
    if (keys[purpose] && states[status]) object[keys[purpose]] = states[status];
  }
  return object;
}

// The last state of each group, as [group, state].
function changes({ consents }) {
  const last = new Map();
  for (const { purpose, status } of consents) {
    if (groups[purpose] && states[status]) last.set(groups[purpose], status === 'ACTIVE' ? 'subscribed' : 'unsubscribed');
  }
  return [...last];
}

// One object for each group and state that the people of a batch share.
function shared(batch) {
  const objects = new Map();
  for (const { id, changes } of batch) {
    for (const [subscription_group_id, subscription_state] of changes) {
      const key = subscription_group_id + subscription_state;
      if (!objects.has(key)) objects.set(key, { subscription_group_id, subscription_state, external_ids: [] });
      objects.get(key).external_ids.push(id);
    }
  }
  return [...objects.values()];
}

const flying = new Set();
let people = 0;
async function send(count, call) {
  if (flying.size >= 16) await Promise.race(flying);
  const flight = (async () => {
    const reply = await call();
    people += count;
    if (!journal) return;
    await journal.write(`${people} ${count} ${reply.message}\n`);
    await journal.datasync();
  })();
  flying.add(flight);
  flight.finally(() => flying.delete(flight));
}

// Gathers until a batch is full; `post` sends one.
const batches = new Map();
async function gather(size, item, post, key = '') {
  const batch = batches.get(key) ?? { items: [], post };
  batches.set(key, batch);
  batch.items.push(item);
  if (batch.items.length < size) return;
  batches.delete(key);
  await send(batch.items.length, () => post(batch.items));
}

const cases = {
  consent: (record) => gather(75, attributes(record), (attributes) => braze.users.track({ attributes })),
  'groups-v1': async (record) => {
    for (const [subscription_group_id, subscription_state] of changes(record)) {
      const group = { subscription_group_id, subscription_state };
      const post = (external_id) => braze.subscription.status.set({ ...group, external_id });
      await gather(50, record.subject.external_id, post, subscription_group_id + subscription_state);
    }
  },
  'groups-v2': (record) =>
    gather(50, { id: record.subject.external_id, changes: changes(record) }, (batch) =>
      braze.v2.subscription.status.set({ subscription_groups: shared(batch) })),
  deletion: (record) =>
    gather(50, record.subject.external_id, (external_ids) => braze.users.delete({ external_ids })),
  'deletion-email': (record) =>
    send(0, async () => {
      const found = await braze.users.export.ids({ email_address: record.subject.email, fields_to_export: ['braze_id'] });
      for (const { braze_id } of found.users) await erase(braze_id);
      return found;
    }),
};

// Called while a look-up is in flight, so it must not wait for a place of its own.
async function erase(braze_id) {
  const batch = batches.get('erase') ?? { items: [], post: (braze_ids) => braze.users.delete({ braze_ids }) };
  batches.set('erase', batch);
  batch.items.push(braze_id);
  if (batch.items.length < 50) return;
  batches.delete('erase');
  await batch.post(batch.items);
  people += batch.items.length;
}

for await (const line of createInterface({ input: createReadStream(file, { highWaterMark: 1 << 20 }) })) {
  await cases[name](JSON.parse(line));
}
await Promise.all(flying);
for (const { items, post } of batches.values()) await send(items.length, () => post(items));
await Promise.all(flying);
await journal?.close();
console.log(JSON.stringify({ done: people }));
