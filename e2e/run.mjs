// `node run.mjs [NAME…]`: the end-to-end suites, one after the other; `cargo xtask e2e [NAME]` prepares everything and calls this.
// Last line: `N passed, N failed`. Logs: e2e/.work/logs/.
import { mkdirSync, rmSync } from 'node:fs';
import { Programs } from './lib/process.mjs';
import { browserSuite } from './checks/browser.mjs';
import { clientsSuite } from './checks/clients.mjs';
import { counterparts } from './checks/counterparts.mjs';
import { headersSuite } from './checks/headers.mjs';
import { signaturesSuite } from './checks/signatures.mjs';

const here = new URL('.', import.meta.url).pathname;
const suites = { counterparts, clients: clientsSuite, headers: headersSuite, signatures: signaturesSuite, browser: browserSuite };

const results = [];
const seconds = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`;

async function check(name, body) {
  const start = Date.now();
  try {
    const note = await body();
    results.push({ name, passed: true });
    console.log(`  ok    ${name} (${seconds(start)})${note ? ` ${note}` : ''}`);
  } catch (error) {
    results.push({ name, passed: false });
    console.log(`  FAIL  ${name} (${seconds(start)})\n        ${String(error.message ?? error).replaceAll('\n', '\n        ')}`);
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}; there are: ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
for (const [name, suite] of Object.entries(suites)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`${name}`);
  const work = `${here}.work/runs/${name}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const programs = new Programs(`${here}.work/logs/${name}`);
  try {
    await suite({ programs, work, check, here });
  } catch (error) {
    await check(`${name} starts`, () => { throw error; });
  } finally {
    await programs.stop();
  }
}
const failed = results.filter((result) => !result.passed).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
