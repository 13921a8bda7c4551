// The main job: each identity provider with each official client, and for each the audit lines that name the person.
import { mkdirSync } from 'node:fs';
import { argumentsOf, auditTrail, introduce, rights, rustProgram, startInstallation } from '../lib/doorward.mjs';
import { run } from '../lib/process.mjs';

const CASE_TAKES_AT_MOST = 90_000;
const node = process.execPath;

/** Each client with the command that does the job with it. */
const clients = (here) => ({
  '@modelcontextprotocol/client 2.4': [node, `${here}clients/typescript.mjs`, 'client'],
  '@modelcontextprotocol/sdk 1.32': [node, `${here}clients/typescript.mjs`, 'sdk'],
  'mcp-remote 0.15': [node, `${here}clients/mcp_remote.mjs`],
  'Python mcp 2.3': [`${here}.work/venv/bin/python`, `${here}clients/python_sdk.py`],
  'Rust rmcp 3.8': [rustProgram('client')],
});

/** The steps of the job, in order: what the facts of the driver and the audit lines must say. */
const steps = {
  'sign-in': ({ clientId }) => expect(clientId, 'the client has no id'),
  list: ({ facts, rights: { tools } }) => same(facts.tools, tools),
  allowed: ({ facts, user }) => identified(JSON.parse(facts.allowed), user),
  refused: ({ facts }) => expect(/You are not permitted to do this/.test(facts.refused), `the refusal says: ${facts.refused}`),
  refresh: ({ facts, rights: { tools } }) => { expect(facts.isRotated, 'the tokens were not rotated'); same(facts.toolsAfterRefresh, tools); },
  'sign-out': ({ facts: { signedOut } }) => {
    same([signedOut.revoked, signedOut.status], [200, 401]);
    expect(/error="invalid_token"/.test(signedOut.challenge), `the challenge says: ${signedOut.challenge}`);
  },
  audit: async ({ installation, user, idp, clientId, rights: { refused } }) => trail(await auditTrail(installation), user, idp, clientId, refused),
};

export async function clientsSuite({ programs, work, check, print, here }) {
  const installation = await startInstallation({ programs, work });
  const drivers = Object.entries(clients(here));
  const table = [];
  const lane = async (idp) => {
    for (const [name, command] of drivers) await oneCase({ check, work, installation, table }, { idp, name, command, user: 'alice' });
  };
  await Promise.all([lane('ssp'), lane('op')]);
  const [first] = drivers;
  for (const idp of ['ssp', 'op']) {
    for (const user of ['bob', 'carol']) await oneCase({ check, work, installation, table }, { idp, name: first[0], command: first[1], user });
  }
  await introduce(installation, { encrypt: true });
  await oneCase({ check, work, installation, table }, { idp: 'ssp', name: `${first[0]}, encrypted`, command: first[1], user: 'alice' });
  for (const line of tableOf(table)) print(line);
}

async function oneCase({ check, work, installation, table }, { idp, name, command, user }) {
  const row = { idp, name, user, steps: {} };
  table.push(row);
  await check(`${idp}: ${user} with ${name}`, async () => {
    const folder = `${work}/${[idp, user, name].join('-').replace(/[^a-z0-9.]+/gi, '-')}`;
    mkdirSync(folder, { recursive: true });
    const job = jobOf(installation, { folder, idp, user });
    const [program, ...args] = command;
    const { code, stdout, stderr } = await run(program, [...args, JSON.stringify(job)], { timeoutMs: CASE_TAKES_AT_MOST });
    if (code !== 0) throw new Error(`exit ${code}\n${stderr.trimEnd().split('\n').slice(-12).join('\n')}`);
    const facts = JSON.parse(stdout.trim().split('\n').at(-1));
    await judge(row, { facts, installation, user, idp, clientId: facts.clientId, rights: rights[user] });
  });
}

function jobOf(installation, { folder, idp, user }) {
  const lib = new URL('../lib/', import.meta.url).pathname;
  const call = (tool) => ({ name: tool, arguments: argumentsOf(tool) });
  return {
    url: `${installation.publicUrl}/fixture/mcp`, user, idp, work: folder, node,
    personScript: `${lib}browser.mjs`, signOutScript: `${lib}signout.mjs`,
    allowed: call('whoami'), refused: call(rights[user].refused),
  };
}

/** Judges every step, also after one has failed, so that the table is complete. */
async function judge(row, found) {
  const wrong = [];
  for (const [step, holds] of Object.entries(steps)) {
    try {
      await holds(found);
      row.steps[step] = 'ok';
    } catch (error) {
      row.steps[step] = 'FAIL';
      wrong.push(`${step}: ${error.message}`);
    }
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

function identified({ headers, authorization, cookie }, user) {
  same([authorization, cookie], [false, false]);
  same([headers['x-auth-request-email'], headers['x-auth-request-preferred-username']], [`${user}@example.com`, user]);
  const [, payload] = (headers['x-doorward-identity'] ?? '').split('.');
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString() || '{}');
  same([claims.email, claims.preferred_username], [`${user}@example.com`, user]);
  expect(claims.exp - claims.iat <= 60, `the identity token lives ${claims.exp - claims.iat} s`);
}

/** What must stand in the trail, in the person's name, for this client. */
function trail(events, user, idp, clientId, refusedTool) {
  const isPerson = ({ person }) => person?.email === `${user}@example.com` && person?.idp === idp;
  const named = events.filter(isPerson);
  const own = named.filter(({ client }) => client?.id === clientId);
  const call = (tool, decision) => own.find((event) => event.kind === 'call' && event.name === tool && event.decision === decision);
  const wanted = {
    'sign-in': named.find(({ kind }) => kind === 'sign_in'),
    consent: own.find(({ kind }) => kind === 'consent'),
    'token issued': own.find(({ kind }) => kind === 'token_issued'),
    list: own.find(({ method }) => method === 'tools/list'),
    'allowed call': call('whoami', 'permit'),
    'refused call': call(refusedTool, 'deny'),
    refresh: own.find(({ kind }) => kind === 'token_refreshed'),
    'sign-out': own.find(({ kind }) => kind === 'token_revoked'),
  };
  const missing = Object.keys(wanted).filter((name) => wanted[name] === undefined);
  expect(missing.length === 0, `no audit line in ${user}'s name for: ${missing.join(', ')}; there are: ${[...new Set(own.map(({ kind, name, decision }) => [kind, name, decision].filter(Boolean).join(' ')))].join('; ') || 'none'}`);
}

const expect = (holds, message) => { if (!holds) throw new Error(message); };
const same = (found, expected) => expect(JSON.stringify(found) === JSON.stringify(expected), `expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);

function tableOf(table) {
  const columns = Object.keys(steps);
  const line = (idp, user, name, cells) => `  ${idp.padEnd(5)}${user.padEnd(8)}${name.padEnd(48)}${cells.map((cell) => cell.padEnd(10)).join('')}`;
  return ['', line('IdP', 'person', 'client', columns), ...table.map(({ idp, user, name, steps: done }) => line(idp, user, name, columns.map((step) => done[step] ?? '-')))];
}
