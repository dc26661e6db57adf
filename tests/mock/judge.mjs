// Starts Prism on OneTrust's documents, sends it what privaflow sends, and fails if anything is refused
// or any action was not asked for. `judge.mjs FOLDER PRIVAFLOW`: where Prism is installed, our program.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
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

const port = await new Promise((done) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});
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
  writeFileSync(
    join(work, "privaflow.yaml"),
    `profiles:
  mock:
    system: onetrust
    scheme: http
    host: 127.0.0.1:${port}
    oauth2: { client_id: { env: MOCK_ID }, client_secret: { env: MOCK_SECRET } }
`,
  );
  writeFileSync(join(work, "request.ndjson"), '{"id":"1","kind":"other","subject":{"email":"a@example.com"}}\n');
  const run = spawnSync(
    privaflow,
    ["run", resolve("tests/mock/actions.yaml"), "--input", "request.ndjson", "--output", "json"],
    { cwd: work, env: { ...process.env, MOCK_ID: "id", MOCK_SECRET: "secret" }, encoding: "utf8", timeout: 120_000 },
  );
  if (run.status !== 0) fail(`privaflow ended with ${run.status}:\n${run.stdout}${run.stderr}`, log);
  const listed = spawnSync(privaflow, ["actions", "list", "--output", "json"], { cwd: work, encoding: "utf8" });
  const actions = listed.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const known = actions.filter(({ action }) => action.startsWith("onetrust/")).length;
  await written(() => count(/Responding with "|terminated with error/g) > known);
  if (known === 0 || count(/Request received/g) !== known + 1) fail(`not one token and ${known} actions`, log);
  if (count(/terminated with error|violation/gi) > 0) fail("Prism refuses a request", log);
  if (!process.exitCode) console.log(`Prism took a token request and all ${known} actions of OneTrust`);
} finally {
  prism.removeAllListeners("exit");
  prism.kill();
}
