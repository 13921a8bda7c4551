// What changes at a company while Doorward runs: a group is taken away, a role file is broken, an identity provider changes its key or lets its certificate
// expire, a person gets too many groups. Each is shown at the running binary with real identity providers, and each has a code whose page is in docs/errors.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Browser } from '../lib/browser.mjs';
import { auditTrail, binary, rights, startDoorward, startInstallation } from '../lib/doorward.mjs';
import { makeCertificate, makeExpiredCertificate } from '../lib/idps.mjs';
import { mcpSession } from '../lib/mcp.mjs';
import { tokensFor } from '../lib/oauth.mjs';
import { answers, freePort, poll, run, stopped } from '../lib/process.mjs';
import { text } from '../lib/html.mjs';

const errors = new URL('../../docs/errors/', import.meta.url).pathname;
const OVERAGE = { groups: undefined, _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'http://127.0.0.1:9/this/address/is/never/asked' } } };
/** Object ids, as Entra has them. */
const OF = { engineering: '8d3c2a10-0000-4000-8000-000000000001', sales: '8d3c2a10-0000-4000-8000-000000000003' };

export async function changesSuite({ programs, work, check }) {
  const changes = `${work}/people.json`;
  const roles = `${work}/roles.yaml`;
  const roleFile = (mapping) => writeFileSync(roles, JSON.stringify({ identity_provider: 'op', groups: mapping }));
  roleFile({ [OF.engineering]: 'engineer' });
  const graph = await startGraph(programs);
  const installation = await startInstallation({
    programs, work, changes,
    oidc: { scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'], refresh_interval: '1s' },
    openid: { graph: { tenant: 'contoso', client_id: 'graph-client', client_secret: 'only-for-tests-on-loopback-graph', login_url: graph, graph_url: graph } },
    more: { role_mapping_files: ['roles.yaml'] },
  });
  const world = { ...installation, changes, roleFile, url: `${installation.publicUrl}/fixture/mcp` };
  await groupsChange(check, world);
  await roleFiles(check, world);
  await overages(check, world);
  await keysChange(check, world, work);
  await certificatesExpire(check, world, programs, work);
  await check('every refusal is in the audit trail', async () => {
    const codes = new Set((await auditTrail(world)).map((event) => event.code));
    const missing = [...shown].filter((code) => !codes.has(code));
    if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  });
}

/** The codes that were met on the way. */
const shown = new Set();

async function startGraph(programs) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const members = { '0a1b2c3d-0000-4000-8000-00000000a11c': [OF.engineering, 'another-group'] };
  const script = new URL('../idp/graph/server.mjs', import.meta.url).pathname;
  const program = programs.start('graph-stand-in', process.execPath, [script], { env: { E2E_GRAPH_PORT: String(port), E2E_GRAPH_MEMBERS: JSON.stringify(members) } });
  await programs.ready(program, () => answers(url, 1));
  return url;
}

const change = ({ changes }, people) => writeFileSync(changes, JSON.stringify(people));

async function toolsOf({ url }, token) {
  const server = await mcpSession(url, token);
  return (await server('tools/list', {})).tools.map(({ name }) => name).sort().join();
}

const isAllowed = (world, user, token) => must(toolsOf(world, token), rights[user].tools.join());

async function must(found, expected) {
  const value = await found;
  if (value !== expected) throw new Error(`found ${value}, expected ${expected}`);
}

/** A sign-in that ends on a page with this code, whose page is in docs/errors. */
async function mustBeRefused(world, person, code) {
  const outcome = await tokensFor(world.url, { ...person, browser: new Browser() }).then(() => ({}), (error) => ({ error }));
  const page = outcome.error?.page;
  if (!page) throw outcome.error ?? new Error('the sign-in went through');
  if (!text(page.html).includes(code)) throw new Error(`expected ${code}: ${page.status} ${text(page.html).slice(0, 500)}`);
  hasPage(code);
  return code;
}

function hasPage(code) {
  shown.add(code);
  if (!existsSync(`${errors}${code}.md`)) throw new Error(`docs/errors/${code}.md is not there`);
}

async function refresh(tokens, expected = 200) {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refreshToken, client_id: tokens.clientId });
  const response = await fetch(tokens.server.token_endpoint, { method: 'POST', body });
  const answer = await response.json();
  if (response.status !== expected) throw new Error(`the token endpoint answered ${response.status}: ${JSON.stringify(answer)}`);
  return { ...tokens, accessToken: answer.access_token, refreshToken: answer.refresh_token, description: answer.error_description };
}

/** The provider is asked again at a client's refresh, when the last time was `refresh_interval` ago. */
async function groupsChange(check, world) {
  await check('a group that is taken away takes effect at the next refresh, without a sign-in', async () => {
    let tokens = await tokensFor(world.url, { user: 'alice', idp: 'op' });
    await isAllowed(world, 'alice', tokens.accessToken);
    change(world, { alice: { groups: ['sales'] } });
    await poll('the new groups', async () => {
      tokens = await refresh(tokens);
      return (await toolsOf(world, tokens.accessToken)) === rights.carol.tools.join();
    });
    const [event] = await auditTrail(world, '--kind', 'groups_changed');
    if (event?.person?.email !== 'alice@example.com') throw new Error(`no groups_changed for alice: ${JSON.stringify(event)}`);
    change(world, {});
    await poll('the old groups', async () => {
      tokens = await refresh(tokens);
      return (await toolsOf(world, tokens.accessToken)) === rights.alice.tools.join();
    });
  });
}

/** Object ids become roles by a file that is read again when it changes. */
async function roleFiles(check, world) {
  const carol = { user: 'carol', idp: 'op' };
  change(world, { carol: { groups: [OF.sales] } });
  await check('an object id gives a role when the role file says so, without a restart', async () => {
    await mustBeRefused(world, carol, 'login.no_access');
    world.roleFile({ [OF.engineering]: 'engineer', [OF.sales]: 'sales' });
    await poll('the new role file', async () => (await auditTrail(world, '--kind', 'config_reloaded')).length === 1);
    const tokens = await tokensFor(world.url, carol);
    await isAllowed(world, 'carol', tokens.accessToken);
    return 'by watching the file';
  });
  await check('a bad role file leaves the old one in force and says so', async () => {
    world.roleFile({ [OF.engineering]: 'enginer' });
    world.program.child.kill('SIGHUP');
    const [event] = await poll('the refusal', async () => {
      const events = await auditTrail({ dir: `${world.data}/audit` }, '--kind', 'config_reload_refused'); // the configuration cannot be read now
      return events.length > 0 && events;
    });
    const reason = JSON.stringify(event);
    if (!/roles\.yaml:1:\d+/.test(reason) || !reason.includes('engineer')) throw new Error(`not the line and the nearest name: ${reason}`);
    hasPage(event.code ?? /\[(config\.[a-z_]+)\]/.exec(reason)?.[1] ?? 'no code');
    const { code, stdout, stderr } = await run(binary, ['reload', '--config', world.config]);
    if (code !== 3 || !`${stdout}${stderr}`.includes('roles.yaml:1:')) throw new Error(`doorward reload: exit ${code}: ${stdout}${stderr}`);
    const tokens = await tokensFor(world.url, carol);
    await isAllowed(world, 'carol', tokens.accessToken);
  });
  world.roleFile({ [OF.engineering]: 'engineer', [OF.sales]: 'sales' });
}

/** More groups than fit into a token: a pointer to Graph stands in their place. */
async function overages(check, world) {
  await check('a group overage is resolved where Graph may be asked', async () => {
    change(world, { alice: { ...OVERAGE, groups: undefined, oid: '0a1b2c3d-0000-4000-8000-00000000a11c' } });
    const tokens = await tokensFor(world.url, { user: 'alice', idp: 'op' });
    await isAllowed(world, 'alice', tokens.accessToken);
  });
  await check('a group overage that Graph refuses to resolve is no sign-in without groups', async () => {
    change(world, { alice: { ...OVERAGE, oid: '0a1b2c3d-0000-4000-8000-0000000000ff' } });
    return mustBeRefused(world, { user: 'alice', idp: 'op' }, 'graph.permission_missing');
  });
  await check('a group overage is refused where no credential is configured', async () => {
    const settings = JSON.parse(readFileSync(world.config, 'utf8'));
    const { graph, ...openid } = settings.identity_providers.op;
    const save = (op) => writeFileSync(world.config, JSON.stringify({ ...settings, identity_providers: { ...settings.identity_providers, op } }));
    save(openid);
    const { code, stderr } = await run(binary, ['reload', '--config', world.config]);
    if (code !== 0) throw new Error(`doorward reload: ${stderr}`);
    const refused = await mustBeRefused(world, { user: 'alice', idp: 'op' }, 'oidc.groups_overage');
    save({ ...openid, graph });
    await run(binary, ['reload', '--config', world.config]);
    return refused;
  });
  change(world, {});
}

/** SimpleSAMLphp reads its key and certificate at each request: from one moment to the next it signs with others. */
async function keysChange(check, world, work) {
  await check('an identity provider that changed its key is believed as soon as its metadata has been asked again', async () => {
    const bob = { user: 'bob', idp: 'ssp' };
    await isAllowed(world, 'bob', (await tokensFor(world.url, bob)).accessToken);
    await makeCertificate(`${work}/simplesamlphp/cert`);
    // Metadata is asked for every half minute at most; until then the new key is unknown.
    const tokens = await poll('the new key', () => tokensFor(world.url, bob), 45_000, 1_000);
    await isAllowed(world, 'bob', tokens.accessToken);
    const codes = (await auditTrail(world, '--kind', 'sign_in_refused')).map(({ code }) => code).filter((code) => code.startsWith('saml.'));
    if (codes.some((code) => code !== 'saml.signature_invalid')) throw new Error(`meanwhile: ${codes.join(', ')}`);
    if (codes.length > 0) hasPage('saml.signature_invalid');
  });
}

/** Doorward is started anew on metadata whose only certificate ended years ago. */
async function certificatesExpire(check, world, programs, work) {
  const settings = JSON.parse(readFileSync(world.config, 'utf8'));
  await makeExpiredCertificate(`${work}/simplesamlphp/cert`);
  const restart = async (expired_certificates) => {
    await stopped(world.program);
    settings.identity_providers.ssp.saml.expired_certificates = expired_certificates;
    writeFileSync(world.config, JSON.stringify(settings));
    world.program = await startDoorward(programs, world.config, world.publicUrl, [], `doorward-${expired_certificates}`);
  };
  const bob = { user: 'bob', idp: 'ssp' };
  await check('an expired certificate is a warning by default, and told to the administrator', async () => {
    await restart('warn');
    await isAllowed(world, 'bob', (await tokensFor(world.url, bob)).accessToken);
    await poll('the warning', async () => (await auditTrail(world, '--kind', 'idp_certificate_expired')).length > 0);
  });
  await check('an expired certificate signs nothing where the configuration says so', async () => {
    await restart('refuse');
    return mustBeRefused(world, bob, 'saml.certificate_expired');
  });
}
