// `node run.mjs [NAME…]`: the end-to-end suites, two at a time; `cargo xtask e2e [NAME]` prepares everything and calls this.
// Last line: `N passed, N failed`. Logs: e2e/.work/logs/.
import { mkdirSync, rmSync } from 'node:fs';
import { Programs } from './lib/process.mjs';
import { browserSuite } from './checks/browser.mjs';
import { changesSuite } from './checks/changes.mjs';
import { clientsSuite } from './checks/clients.mjs';
import { conformanceSuite } from './checks/conformance.mjs';
import { counterparts } from './checks/counterparts.mjs';
import { diskSuite } from './checks/disk.mjs';
import { headersSuite } from './checks/headers.mjs';
import { idpSuite } from './checks/idp.mjs';
import { refusalsSuite } from './checks/refusals.mjs';
import { signaturesSuite } from './checks/signatures.mjs';
import { stepUpSuite } from './checks/step_up.mjs';

const here = new URL('.', import.meta.url).pathname;
const SIDE_BY_SIDE = 2;
const suites = {
  counterparts, idp: idpSuite, clients: clientsSuite, headers: headersSuite, refusals: refusalsSuite, changes: changesSuite, 'step-up': stepUpSuite, signatures: signaturesSuite, conformance: conformanceSuite,
  disk: diskSuite, browser: browserSuite,
};

const results = [];
const seconds = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`;
const indent = (text) => String(text).trimEnd().replaceAll('\n', '\n        ');

/** What a suite uses to prove one thing; its lines are printed together when the suite is done. */
function reporter(suite, print) {
  return async function check(name, body) {
    const start = Date.now();
    try {
      const note = await body();
      results.push({ suite, name, passed: true });
      print(`  ok    ${name} (${seconds(start)})${note ? ` ${note}` : ''}`);
    } catch (error) {
      results.push({ suite, name, passed: false, reason: error.message ?? error });
      print(`  FAIL  ${name} (${seconds(start)})\n        ${indent(error.message ?? error)}`);
    }
  };
}

async function runSuite(name) {
  const lines = [];
  const print = (line) => lines.push(line);
  const start = Date.now();
  const work = `${here}.work/runs/${name}`;
  const logs = `${here}.work/logs/${name}`;
  for (const folder of [work, logs]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const programs = new Programs(logs);
  const check = reporter(name, print);
  try {
    await suites[name]({ programs, work, check, print, here });
  } catch (error) {
    await check(`${name} runs to its end`, () => { throw error; });
  } finally {
    await programs.stop();
  }
  console.log(`${name} (${seconds(start)})\n${lines.join('\n')}\n`);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}; there are: ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
const queue = Object.keys(suites).filter((name) => wanted.length === 0 || wanted.includes(name));
const lane = async () => {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) await runSuite(name);
};
await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));

const failures = results.filter((result) => !result.passed);
for (const { suite, name, reason } of failures) console.log(`FAIL  ${suite}: ${name}\n        ${indent(reason)}`);
console.log(`${results.length - failures.length} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
