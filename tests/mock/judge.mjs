// Starts Prism on OneTrust's documents, sends it what privaflow sends, and fails if anything is refused,
// or any action or list was not asked for. `judge.mjs FOLDER PRIVAFLOW`: where Prism is installed, our
// program.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, request } from "node:http";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { document } from "./openapi.mjs";

const [folder, privaflow] = process.argv.slice(2).map((path) => resolve(path));
const contract = JSON.parse(readFileSync("tests/contract/onetrust.json", "utf8"));
const work = mkdtempSync(join(folder, "run-"));

function fail(why, log) {
  console.error(`${why}\n${log ?? ""}`);
  process.exitCode = 1;
}

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
const port = await freePort();
const described = join(work, "onetrust.json");
writeFileSync(described, JSON.stringify(document(contract)));
const prism = spawn(
  join(folder, "node_modules/.bin/prism"),
  ["mock", "--errors", "--host", "127.0.0.1", "--port", String(port), described],
  { stdio: ["ignore", "pipe", "pipe"] },
);
let log = "";
const listening = new Promise((done, gone) => {
  const read = (text) => {
    log += text;
    if (log.includes("Prism is listening")) done();
  };
  prism.stdout.on("data", read);
  prism.stderr.on("data", read);
  prism.on("exit", () => gone(new Error(`Prism did not start:\n${log}`)));
});

const count = (what) => log.match(what)?.length ?? 0;

/** Waits until Prism has written something down, at most ten seconds. */
async function written(isThere) {
  for (let left = 200; left > 0 && !isThere(); left -= 1) await new Promise((done) => setTimeout(done, 50));
}

/** Settings of privaflow in a folder, with one profile at an address. */
function settings(folder, port, more = "") {
  writeFileSync(
    join(folder, "privaflow.yaml"),
    `profiles:
  mock:
    system: onetrust
    scheme: http
    host: 127.0.0.1:${port}
    oauth2: { client_id: { env: MOCK_ID }, client_secret: { env: MOCK_SECRET } }
${more}`,
  );
}
const env = { ...process.env, MOCK_ID: "id", MOCK_SECRET: "secret" };

/**
 * Between privaflow and Prism: notes what is asked for, refuses what it is told to, and gives answers of its
 * own where Prism took the request but makes up a list without anything.
 */
async function between() {
  const asked = [];
  const refused = new Set();
  const given = new Map();
  const server = createHttpServer((question, answer) => {
    const path = question.url.split("?")[0];
    asked.push(`${question.method} ${path}`);
    if (refused.has(path)) return answer.writeHead(403).end();
    const { method, headers } = question;
    const on = request({ host: "127.0.0.1", port, path: question.url, method, headers }, (answered) => {
      const own = answered.statusCode < 300 && given.get(path);
      if (own) {
        answered.resume();
        answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(own));
      } else {
        answer.writeHead(answered.statusCode, answered.headers);
        answered.pipe(answer);
      }
    });
    on.on("error", () => answer.destroy());
    question.pipe(on);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { asked, refused, given, port: server.address().port, close: () => server.close() };
}

/** Has `serve` look at OneTrust by some triggers until each list was asked for. */
async function look(name, triggers, lists, way) {
  const folder = join(work, name);
  mkdirSync(join(folder, "workflows"), { recursive: true });
  settings(folder, way.port, `server: { listen: 127.0.0.1:${await freePort()} }\n`);
  triggers.forEach((trigger, number) => {
    const workflow = `workflow: w${number}\non: { ${trigger} }\nreport: none\nsteps: [{ log: Seen. }]\n`;
    writeFileSync(join(folder, "workflows", `w${number}.yaml`), workflow);
  });
  const serving = spawn(privaflow, ["serve"], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  serving.stderr.on("data", (text) => (said += text));
  const ended = new Promise((done) => serving.on("exit", done));
  const missing = () => lists.filter((list) => !way.asked.some((asked) => list.test(asked)));
  await written(() => missing().length === 0 || serving.exitCode !== null);
  serving.kill("SIGTERM");
  await ended;
  if (missing().length > 0) fail(`not asked for: ${missing().join(", ")}\n${said}`, log);
}

/** Every list that pollers read; tells how many there are. */
async function lists() {
  const way = await between();
  // Prism answers with the first words that the documents allow.
  const subtasks = (by) => `onetrust_subtask: { profile: mock, ${by}, every: 1s, kind: other }`;
  const consents = (feed) =>
    `onetrust_consent: { profile: mock, feed: ${feed}, identifier: email, every: 1s, start: 2026-11-01T00:00:00Z }`;
  const bySearch = [
    /^POST .api.datasubject.v3.subtasks$/,
    /^GET .api.consentmanager.v1.datasubjects.profiles$/,
    /^GET .rest.api.consent.v4.datasubjects.profiles.unordered$/,
    /^POST .api.consent.v2.transactions$/,
  ];
  const triggers = ["profiles", "unordered", "transactions"].map(consents);
  triggers.push(subtasks("names: [string]"));
  await look("lists", triggers, bySearch, way);
  way.asked.length = 0;
  await look("systems", [subtasks("systems: [Braze]")], bySearch.slice(0, 1), way);
  // Where the search is refused, another way leads to the subtasks, and from there to each of them.
  way.refused.add("/api/datasubject/v3/subtasks");
  const requests = "/api/datasubject/v2/requestqueues";
  way.given.set(`${requests}/en-us`, [{ requestQueueRefId: "SL244HWD6D", status: "In progress" }]);
  const subtask = { subTaskId: "1d8e9a54-7d6c-4d0f-9a3c-6d2f0c9e7b11", subTaskName: "string", subTaskStatus: "OPEN" };
  way.given.set(`${requests}/SL244HWD6D/subtasks`, [subtask]);
  const byRequest = [
    /^GET .api.datasubject.v2.requestqueues.en-us$/,
    /^GET .api.datasubject.v2.requestqueues.[^/]+.subtasks$/,
    /^GET .api.datasubject.v2.subtasks.[^/]+$/,
    /^GET .api.datasubject.v2.requestqueues.[^/]+.language.en-us$/,
  ];
  await look("requests", [subtasks("names: [string]")], byRequest, way);
  way.close();
  return bySearch.length + byRequest.length;
}

/** Everything that is asked about the staff of a tenant, by each way to its users; tells how many endpoints. */
async function directory() {
  const way = await between();
  for (const users of ["access", "scim_v3", "scim_v2"]) {
    const folder = join(work, users);
    mkdirSync(folder, { recursive: true });
    settings(folder, way.port, `directory: { users: ${users}, filter: 'active eq true' }\n`);
    const orders = [["test"], ["sync"], ["sync"], ["list"], ["review"]];
    // Prism makes up one user, who is called so.
    if (users === "access") orders.push(["activity", "string"]);
    for (const order of orders) {
      const ended = await ran(["directory", ...order], folder);
      if (ended.code !== 0) fail(`directory ${order.join(" ")} by ${users} ended with ${ended.code}:\n${ended.said}`, log);
    }
  }
  way.close();
  const endpoint = (asked) => asked.replace(/[0-9a-f-]{36}/g, "{id}");
  const known = [...new Set(way.asked.map(endpoint))].filter((asked) => /access|audit|scim/.test(asked));
  const missing = STAFF.filter((wanted) => !known.includes(`GET ${wanted}`));
  if (missing.length > 0) fail(`not asked for: ${missing.join(", ")}`, log);
  return STAFF.length;
}

const STAFF = [
  "/api/access/v2/users",
  "/api/access/v2/user-groups",
  "/api/access/v2/user-groups/{id}/members",
  "/api/access/v2/user-groups/{id}/access-levels",
  "/api/access/v1/external/organizations",
  "/api/access/v1/login-history",
  "/api/audit/v1/users/{id}/activities",
  "/api/scim/v3/Users",
  "/api/scim/v3/Groups",
  "/api/scim/v3/Groups/{id}",
  "/api/scim/v2/Users",
  "/api/scim/v2/Groups",
  "/api/scim/v2/Groups/{id}",
];

/** Runs a command of privaflow while this process answers it. */
function ran(order, folder) {
  const running = spawn(privaflow, order, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [running.stdout, running.stderr]) stream.on("data", (text) => (said += text));
  return new Promise((done) => running.on("exit", (code) => done({ code, said })));
}

/** A request that the documents do not allow, to see that the judge is awake. */
async function isRefused() {
  const url = `http://127.0.0.1:${port}/api/datasubject/v2/subtasks/1d8e9a54-7d6c-4d0f-9a3c-6d2f0c9e7b11/complete`;
  const headers = { authorization: "Bearer x", "content-type": "application/json" };
  const answer = await fetch(url, { method: "PUT", headers, body: '{"markAsComplete":true}' });
  return answer.status >= 400;
}

try {
  await listening;
  if (!(await isRefused())) fail("Prism takes a completion without a comment, so it proves nothing", log);
  await written(() => count(/terminated with error/g) > 0);
  log = "";
  settings(work, port);
  writeFileSync(join(work, "request.ndjson"), '{"id":"1","kind":"other","subject":{"email":"a@example.com"}}\n');
  const run = spawnSync(
    privaflow,
    ["run", resolve("tests/mock/actions.yaml"), "--input", "request.ndjson", "--output", "json"],
    { cwd: work, env, encoding: "utf8", timeout: 120_000 },
  );
  if (run.status !== 0) fail(`privaflow ended with ${run.status}:\n${run.stdout}${run.stderr}`, log);
  const listed = spawnSync(privaflow, ["actions", "list", "--output", "json"], { cwd: work, encoding: "utf8" });
  const actions = listed.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const known = actions.filter(({ action }) => action.startsWith("onetrust/")).length;
  await written(() => count(/Responding with "|terminated with error/g) > known);
  if (known === 0 || count(/Request received/g) !== known + 1) fail(`not one token and ${known} actions`, log);
  const read = await lists();
  const staff = await directory();
  await written(() => count(/Responding with "|terminated with error/g) >= count(/Request received/g));
  if (count(/terminated with error|violation/gi) > 0) fail("Prism refuses a request", log);
  if (!process.exitCode) {
    console.log(`Prism took a token request, all ${known} actions of OneTrust, all ${read} kinds of reading, and ${staff} of the staff`);
  }
} finally {
  prism.removeAllListeners("exit");
  prism.kill();
}
