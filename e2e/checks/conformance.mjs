// The MCP project's own conformance suite: no scenario may do worse through Doorward than directly at the same server.
// The servers are not complete themselves (many scenarios need tools that only a test server has); the difference is what counts.
import { mkdirSync } from 'node:fs';
import { startInstallation } from '../lib/doorward.mjs';
import { tokensFor } from '../lib/oauth.mjs';
import { run } from '../lib/process.mjs';
import { startShim } from '../lib/shim.mjs';

const SUITE_TAKES_AT_MOST = 180_000;
const cases = [['everything', '2025-11-25'], ['fixture', '2025-11-25'], ['fixture', '2026-07-28']];

export async function conformanceSuite({ programs, work, check, here }) {
  const installation = await startInstallation({ programs, work });
  for (const [upstream, revision] of cases) {
    await check(`${upstream}, ${revision}: nothing is worse than directly`, async () => {
      const through = `${installation.publicUrl}/${upstream}/mcp`;
      const { accessToken } = await tokensFor(through, { user: 'alice', idp: 'op' });
      const shim = await startShim(through, accessToken);
      try {
        const direct = await scenarios(installation[upstream], revision, { here, out: `${work}/${upstream}-${revision}-direct` });
        const doorward = await scenarios(shim.url, revision, { here, out: `${work}/${upstream}-${revision}-doorward` });
        return compare(direct, doorward);
      } finally {
        shim.stop();
      }
    });
  }
}

/** Scenario to `{ passed, failed }`. */
async function scenarios(url, revision, { here, out }) {
  mkdirSync(out, { recursive: true });
  const script = `${here}node_modules/@modelcontextprotocol/conformance/dist/index.js`;
  const { stdout, stderr } = await run(process.execPath, [script, 'server', '--url', url, '--requirements', revision, '-o', out], { cwd: out, timeoutMs: SUITE_TAKES_AT_MOST });
  const lines = [...stdout.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed/gm)];
  if (lines.length === 0) throw new Error(`no summary: ${stdout.slice(-500)} ${stderr.slice(-500)}`);
  return new Map(lines.map(([, name, passed, failed]) => [name, { passed: Number(passed), failed: Number(failed) }]));
}

function compare(direct, doorward) {
  const worse = [];
  let better = 0;
  for (const [name, { passed, failed }] of direct) {
    const found = doorward.get(name) ?? { passed: 0, failed: Infinity };
    if (found.failed > failed || found.passed < passed) worse.push(`${name}: directly ${passed} passed, ${failed} failed; through Doorward ${found.passed} passed, ${found.failed} failed`);
    else if (found.failed < failed) better += 1;
  }
  if (worse.length > 0) throw new Error(worse.join('\n'));
  return `${direct.size} scenarios, ${better} better`;
}
