// The job with mcp-remote: a stdio client that starts it as Claude Desktop would, and a person at the browser it asks for.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { signIn } from '../lib/browser.mjs';
import { freePort } from '../lib/process.mjs';
import { signOut } from '../lib/signout.mjs';

const job = JSON.parse(process.argv[2]);
const config = `${job.work}/mcp-remote`;
mkdirSync(config, { recursive: true });
const port = await freePort();
const proxy = new URL('../node_modules/mcp-remote/dist/proxy.js', import.meta.url).pathname;

/** Starts mcp-remote; `onUrl` gets the address that it asks the person to open. */
async function connect(onUrl) {
  const env = { PATH: process.env.PATH, HOME: job.work, MCP_REMOTE_CONFIG_DIR: config, BROWSER: 'true' };
  const transport = new StdioClientTransport({ command: process.execPath, args: [proxy, job.url, String(port), '--host', '127.0.0.1'], env, stderr: 'pipe' });
  const client = new Client({ name: 'doorward-e2e', version: '0' });
  let log = '';
  let asked = false;
  const needsPerson = new Promise((_, reject) => {
    transport.stderr.on('data', (chunk) => {
      log += chunk;
      const url = /https?:\/\/\S+\/authorize\?\S+/.exec(log)?.[0];
      if (url && !asked) {
        asked = true;
        onUrl(url).catch(reject);
      }
    });
  });
  try {
    await Promise.race([client.connect(transport, { timeout: 30_000 }), needsPerson]);
  } catch (error) {
    await client.close();
    error.message += `\n${log.trimEnd().split('\n').slice(-15).join('\n')}`;
    throw error;
  }
  return client;
}

const names = async (client) => (await client.listTools()).tools.map((tool) => tool.name).sort();

async function call(client, { name, arguments: values }) {
  const result = await client.callTool({ name, arguments: values });
  const said = result.content.map((block) => block.text).join('\n');
  if (result.isError) throw new Error(said);
  return said;
}

/** What mcp-remote keeps between two starts. */
function stored(suffix) {
  const folders = readdirSync(config, { recursive: true }).filter((name) => name.endsWith(suffix));
  if (folders.length !== 1) throw new Error(`expected one file that ends with ${suffix}, found ${folders.join(', ') || 'none'}`);
  const path = `${config}/${folders[0]}`;
  return { path, value: JSON.parse(readFileSync(path, 'utf8')) };
}

const person = (url) => signIn({ url, user: job.user, idp: job.idp, stopAt: `http://127.0.0.1:${port}/`, deliver: true });
const nobody = () => Promise.reject(new Error('must sign in again'));

let client = await connect(person);
const facts = { tools: await names(client), allowed: await call(client, job.allowed) };
try {
  const said = await call(client, job.refused);
  throw Object.assign(new Error(`the refused call was allowed: ${said}`), { isFatal: true });
} catch (error) {
  if (error.isFatal) throw error;
  facts.refused = `${error.code ?? error.name}: ${error.message}`;
}
await client.close();

// An expired access token is played by one that nobody issued: mcp-remote must notice the 401 and refresh.
const tokens = stored('tokens.json');
writeFileSync(tokens.path, JSON.stringify({ ...tokens.value, access_token: `${tokens.value.access_token}x` }));
client = await connect(nobody);
facts.toolsAfterRefresh = await names(client);
await client.close();
const second = stored('tokens.json').value;
facts.isRotated = tokens.value.access_token !== second.access_token && tokens.value.refresh_token !== second.refresh_token;

facts.clientId = stored('client_info.json').value.client_id;
facts.signedOut = await signOut({ url: job.url, clientId: facts.clientId, accessToken: second.access_token, refreshToken: second.refresh_token });
try {
  await names(await connect(nobody));
} catch (error) {
  facts.afterSignOut = error.message.split('\n')[0];
}
if (facts.afterSignOut === undefined) throw new Error('the client still works after the sign-out');
process.stdout.write(`${JSON.stringify(facts)}\n`);
process.exit(0);
