// The job with the two TypeScript SDKs: `node typescript.mjs sdk|client '<job>'`. Prints its facts as one JSON object.
import { kits } from './kits.mjs';
import { signOut } from '../lib/signout.mjs';
import { Provider } from './provider.mjs';

const [kind, text] = process.argv.slice(2);
const job = JSON.parse(text);

const kit = await kits[kind]();
const provider = new Provider(job, `e2e typescript ${kind}`);

async function connect() {
  const transport = new kit.StreamableHTTPClientTransport(new URL(job.url), { authProvider: provider });
  const client = new kit.Client({ name: 'doorward-e2e', version: '0' }, kit.options);
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (provider.callback === undefined) throw error;
    await kit.finish(transport, provider.callback);
    provider.callback = undefined;
    return connect();
  }
}

const names = async (client) => (await client.listTools()).tools.map((tool) => tool.name).sort();

async function call(client, { name, arguments: values }) {
  const result = await client.callTool({ name, arguments: values });
  const said = result.content.map((block) => block.text).join('\n');
  if (result.isError) throw new Error(said);
  return said;
}

async function refusal(attempt) {
  try {
    return { error: false, value: await attempt() };
  } catch (error) {
    return { error: true, value: `${error.code ?? error.name}: ${error.message}` };
  }
}

async function refused(client) {
  const { error, value } = await refusal(() => call(client, job.refused));
  if (!error) throw new Error(`the refused call was allowed: ${value}`);
  return value;
}

let client = await connect();
const facts = { tools: await names(client), allowed: await call(client, job.allowed), refused: await refused(client) };
await client.close();

const first = provider.tokens();
provider.isExpired = true;
provider.isAlone = true;
client = await connect();
facts.toolsAfterRefresh = await names(client);
await client.close();
const second = provider.tokens();
facts.isRotated = first.access_token !== second.access_token && first.refresh_token !== second.refresh_token;

facts.clientId = provider.clientInformation().client_id;
facts.signedOut = await signOut({ url: job.url, clientId: facts.clientId, accessToken: second.access_token, refreshToken: second.refresh_token });
const after = await refusal(async () => names(await connect()));
if (!after.error) throw new Error('the client still works after the sign-out');
facts.afterSignOut = after.value;
process.stdout.write(`${JSON.stringify(facts)}\n`);
process.exit(0);
