// A whole installation on loopback: two identity providers, the MCP servers, and Doorward in front of them.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { startOpenIdProvider, startSimpleSamlPhp } from './idps.mjs';
import { answers, freePort, run } from './process.mjs';

const here = new URL('..', import.meta.url).pathname;
const require = createRequire(import.meta.url);

/** The binary under test. */
export const binary = process.env.DOORWARD ?? `${here}../target/release/doorward`;

/** Programs of `e2e/rust`. */
export const rustProgram = (name) => `${here}.work/rust-target/${process.env.E2E_RUST_PROFILE ?? 'debug'}/${name}`;

/** What each person sees of the fixture server, and which of its tools they may not call. */
export const rights = {
  alice: { tools: ['add_note', 'list_notes', 'read_note', 'whoami'], refused: 'delete_note' },
  bob: { tools: ['list_notes', 'read_note', 'whoami'], refused: 'add_note' },
  carol: { tools: ['whoami'], refused: 'read_note' },
};

/** Arguments that fit each tool of the fixture server. */
export const argumentsOf = (tool) => ({ read_note: { number: 0 }, delete_note: { number: 0 }, add_note: { text: 'a note' } })[tool] ?? {};

function configuration({ publicUrl, port, data, ssp, op, upstreams, saml, oidc, openid, more }) {
  return {
    public_url: publicUrl,
    listen: `127.0.0.1:${port}`,
    data_dir: data,
    identity_providers: {
      ssp: {
        name: 'SimpleSAMLphp',
        saml: { metadata: ssp.metadata, groups_attribute: 'groups', username_attribute: 'uid', email_attribute: 'mail', name_attribute: 'displayName', ...saml },
      },
      op: {
        name: 'OpenID',
        oidc: { issuer: op.issuer, client_id: op.client.id, client_secret: op.client.secret, scopes: ['openid', 'profile', 'email', 'groups'], ...oidc },
        ...openid,
      },
    },
    upstreams,
    roles: { engineer: { groups: ['engineering'] }, contractor: { groups: ['contractors'] }, sales: { groups: ['sales'] } },
    grants: [
      { role: 'engineer', upstreams: Object.keys(upstreams), tools: ['*'], resources: ['*'], prompts: ['*'] },
      { role: 'contractor', upstream: 'fixture', tools: ['*'], read_only: true },
      { role: 'sales', upstream: 'fixture', tools: ['whoami'] },
    ],
    denies: [{ role: 'engineer', upstream: 'fixture', tools: ['delete_*'] }],
    ...more,
  };
}

/**
 * Starts everything. `localhost` is Doorward and `127.0.0.1` the identity providers, so that they are different sites.
 * `upstreams` adds MCP servers to the fixture and the reference server, `saml`, `oidc` and `openid` settings of the identity providers, `more` any
 * others; `changes` is the file of what changes at the OpenID provider.
 */
export async function startInstallation({ programs, work, upstreams = {}, saml = {}, oidc = {}, openid = {}, more = {}, changes = '', wrap = [] }) {
  const port = await freePort();
  const publicUrl = `http://localhost:${port}`;
  const [ssp, op, fixture, everything] = await Promise.all([
    startSimpleSamlPhp(programs, `${work}/simplesamlphp`),
    startOpenIdProvider(programs, `${publicUrl}/login/oidc/op/callback`, { changes }),
    startFixture(programs),
    startEverything(programs),
  ]);
  const config = `${work}/doorward.yaml`;
  const data = `${work}/data`;
  mkdirSync(data, { recursive: true, mode: 0o700 });
  writeFileSync(`${data}/master.key`, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const settings = configuration({ publicUrl, port, data, ssp, op, upstreams: { fixture: { url: fixture }, everything: { url: everything }, ...upstreams }, saml, oidc, openid, more });
  writeFileSync(config, JSON.stringify(settings, null, 2)); // JSON is YAML
  const program = await startDoorward(programs, config, publicUrl, wrap);
  const installation = { publicUrl, port, config, data, ssp, op, fixture, everything, program };
  await introduce(installation);
  return installation;
}

/** Starts Doorward on a configuration file and waits until it answers. `wrap` is a command that starts the command after it. */
export async function startDoorward(programs, config, publicUrl, wrap = [], name = 'doorward') {
  if (!existsSync(binary)) throw new Error(`${binary} is not there: cargo build --release`);
  const [command, ...args] = [...wrap, binary, 'serve', '--config', config];
  const program = programs.start(name, command, args, { env: { NO_COLOR: '1' } });
  await programs.ready(program, () => answers(`${publicUrl}/.well-known/oauth-authorization-server`, 1));
  return program;
}

/** Tells SimpleSAMLphp about Doorward, from Doorward's own metadata. */
export async function introduce({ publicUrl, ssp }, { encrypt = false } = {}) {
  const entityId = `${publicUrl}/saml/metadata`;
  const xml = await (await fetch(entityId)).text();
  const certificate = /<(?:\w+:)?X509Certificate>([^<]+)</.exec(xml)?.[1].replace(/\s+/g, '');
  if (certificate === undefined) throw new Error(`no certificate in ${entityId}: ${xml.slice(0, 300)}`);
  ssp.tell({ entityId, acs: `${publicUrl}/login/saml/ssp/acs`, certificate, encrypt });
}

/** The MCP server of `e2e/rust`. */
export async function startFixture(programs) {
  const port = await freePort();
  const program = programs.start('fixture', rustProgram('fixture'), [], { env: { E2E_PORT: String(port) } });
  const url = `http://127.0.0.1:${port}/mcp`;
  await programs.ready(program, () => answers(url, 1));
  return url;
}

/** The reference server of the MCP project. */
async function startEverything(programs) {
  const port = await freePort();
  const script = require.resolve('@modelcontextprotocol/server-everything/dist/index.js');
  const program = programs.start('server-everything', process.execPath, [script, 'streamableHttp'], { env: { PORT: String(port) } });
  const url = `http://127.0.0.1:${port}/mcp`;
  await programs.ready(program, () => answers(url, 1));
  return url;
}

/** `doorward dev`, with its own identity providers and servers; gives the addresses of the servers, by name. */
export async function startDev(programs, work) {
  const program = programs.start('doorward-dev', binary, ['dev', '--port', '0', '--json'], { cwd: work, env: { NO_COLOR: '1' } });
  const told = await programs.ready(program, async () => /^\{"public_url".*\}$/m.exec(readFileSync(program.path, 'utf8'))?.[0], 60_000);
  return Object.fromEntries(Object.entries(JSON.parse(told).upstreams).map(([name, { url }]) => [name, url]));
}

/** The audit trail, as `doorward audit query --json` gives it. */
export async function auditTrail({ config, dir }, ...filters) {
  const journal = dir ? ['--dir', dir] : ['--config', config];
  const { code, stdout, stderr } = await run(binary, ['audit', 'query', ...journal, '--json', ...filters]);
  if (code !== 0) throw new Error(`doorward audit query: exit ${code}: ${stderr}`);
  const text = stdout.trim();
  if (text.startsWith('[')) return JSON.parse(text);
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
}
