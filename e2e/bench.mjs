// `cargo xtask bench`: the same MCP call to the same server, directly and through Doorward, in turns, by wrk. Prints the ratios.
// Absolute figures are of this machine and this hour; the ratio is what to compare.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { startInstallation } from './lib/doorward.mjs';
import { tokensFor } from './lib/oauth.mjs';
import { Programs, run } from './lib/process.mjs';

const here = new URL('.', import.meta.url).pathname;
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = 3;
const CONNECTIONS = 32;

const headersFor = (token) => ({
  'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25', ...(token && { authorization: `Bearer ${token}` }),
});

function script(path, headers) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'list_notes', arguments: {} } });
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`);
  writeFileSync(path, `wrk.method = "POST"\nwrk.body = '${body}'\n${lines.join('\n')}\n`);
}

async function drive(url, path) {
  const { code, stdout, stderr } = await run('wrk', ['-t', '1', '-c', String(CONNECTIONS), '-d', `${SECONDS}s`, '--latency', '-s', path, url]);
  if (code !== 0) throw new Error(stderr);
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1];
  if (refused) throw new Error(`${refused} calls were not answered with 200`);
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), median: /50%\s+(\S+)/.exec(stdout)[1] };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const work = `${here}.work/runs/bench`;
process.env.E2E_STATELESS = '1';
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
const programs = new Programs(`${here}.work/logs/bench`);
try {
  const installation = await startInstallation({ programs, work });
  const through = `${installation.publicUrl}/fixture/mcp`;
  const { accessToken } = await tokensFor(through, { user: 'alice', idp: 'op' });
  const targets = { direct: [installation.fixture], doorward: [through, accessToken] };
  for (const [name, [url, token]] of Object.entries(targets)) script(`${work}/${name}.lua`, headersFor(token));
  const rates = { direct: [], doorward: [] };
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [name, [url]] of Object.entries(targets)) {
      const { rate, median: latency } = await drive(url, `${work}/${name}.lua`);
      rates[name].push(rate);
      console.log(`round ${round}  ${name.padEnd(9)} ${rate.toFixed(0).padStart(7)} calls/s  p50 ${latency}`);
    }
  }
  const ratio = median(rates.doorward) / median(rates.direct);
  console.log(`tools/call, ${CONNECTIONS} connections, audited: doorward ${median(rates.doorward).toFixed(0)} calls/s, direct ${median(rates.direct).toFixed(0)} calls/s, ratio ${ratio.toFixed(2)}`);
} finally {
  await programs.stop();
}
